import type { Container, SqlQuerySpec } from '@azure/cosmos';
import {
  type ArchiveFailure,
  type CreateOutcome,
  RANGE_LIMIT,
  type RangeOutcome,
  type ReadOutcome,
  type TailOutcome,
  type TranscriptArchive,
} from '../../record/archive-port.js';
import { type ArchiveDocument, identityOf, isTurn, isValidId } from '../../record/documents.js';
import { type Cosmos, faultOf, withDeadline } from './client.js';
import { documentOf, itemOf } from './envelope.js';

/**
 * Transcripts through @azure/cosmos, in the documents' form of Dapr's component. A create is the service's own
 * create; a 429 comes with its retry-after.
 */
export class CosmosArchive implements TranscriptArchive {
  readonly #container: Container;
  readonly #deadlineMs: number;

  constructor(cosmos: Cosmos) {
    this.#container = cosmos.container('transcripts');
    this.#deadlineMs = cosmos.deadlineMs;
  }

  async create(doc: ArchiveDocument): Promise<CreateOutcome> {
    if (!isValidId(doc.id) || !isValidId(doc.sessionId)) return { kind: 'refused', code: 'id_invalid' };
    try {
      await withDeadline(this.#deadlineMs, (abortSignal) =>
        this.#container.items.create(itemOf(doc), { abortSignal, disableAutomaticIdGeneration: true }),
      );
      return { kind: 'created' };
    } catch (error) {
      const fault = faultOf(error);
      if (fault.status === 409) return this.#onConflict(doc);
      if (fault.status === 413) return { kind: 'too_large' };
      if (fault.status === 400) return { kind: 'refused', code: fault.code };
      return failureOf(error);
    }
  }

  async read(sessionId: string, id: string): Promise<ReadOutcome> {
    try {
      const { resource, statusCode } = await withDeadline(this.#deadlineMs, (abortSignal) =>
        this.#container.item(id, sessionId).read<Record<string, unknown>>({ abortSignal }),
      );
      if (resource === undefined || statusCode === 404) return { kind: 'absent' };
      const doc = documentOf(resource);
      return doc === undefined ? { kind: 'unknown', code: 'unreadable' } : { kind: 'found', doc };
    } catch (error) {
      return failureOf(error);
    }
  }

  async tail(sessionId: string): Promise<TailOutcome> {
    const rows = await this.#query(sessionId, {
      query:
        'SELECT TOP 1 * FROM c WHERE c.partitionKey = @session AND c["value"].seq > 0' +
        ' ORDER BY c["value"].seq DESC',
      parameters: [{ name: '@session', value: sessionId }],
    });
    if (!Array.isArray(rows)) return rows as ArchiveFailure;
    const doc = documentOf(rows[0]);
    return doc !== undefined && isTurn(doc)
      ? { kind: 'tail', lastSeq: doc.seq, turnId: doc.turnId }
      : { kind: 'tail', lastSeq: 0 };
  }

  async range(sessionId: string, fromSeq: number, toSeq: number): Promise<RangeOutcome> {
    const rows = await this.#query(sessionId, {
      query:
        'SELECT * FROM c WHERE c.partitionKey = @session AND c["value"].seq >= @from' +
        ' AND c["value"].seq <= @to ORDER BY c["value"].seq ASC',
      parameters: [
        { name: '@session', value: sessionId },
        { name: '@from', value: fromSeq },
        { name: '@to', value: Math.min(toSeq, fromSeq + RANGE_LIMIT - 1) },
      ],
    });
    if (!Array.isArray(rows)) return rows as ArchiveFailure;
    const turns = rows.map(documentOf).filter((doc) => doc !== undefined);
    return { kind: 'range', turns: turns.filter(isTurn) };
  }

  /** Partition key both as an option (the service routes by it) and in the text (a stand-in filters by it). */
  async #query(partitionKey: string, query: SqlQuerySpec): Promise<unknown[] | ArchiveFailure> {
    try {
      return await withDeadline(this.#deadlineMs, async (abortSignal) => {
        const { resources } = await this.#container.items
          .query<Record<string, unknown>>(query, { partitionKey, abortSignal, maxItemCount: RANGE_LIMIT })
          .fetchAll();
        return resources;
      });
    } catch (error) {
      return failureOf(error);
    }
  }

  async #onConflict(doc: ArchiveDocument): Promise<CreateOutcome> {
    const there = await this.read(doc.sessionId, doc.id);
    if (there.kind === 'found') return { kind: 'exists', turnId: identityOf(there.doc) };
    return there.kind === 'absent' ? { kind: 'unknown', code: 'conflict_unreadable' } : there;
  }
}

function failureOf(error: unknown): ArchiveFailure {
  const { status, code, retryAfterMs } = faultOf(error);
  if (status !== 429) return { kind: 'unknown', code };
  return { kind: 'throttled', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}
