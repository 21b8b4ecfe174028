import type { Container, OperationInput, SqlQuerySpec } from '@azure/cosmos';
import type {
  BatchOperation,
  BatchRecords,
  CreateRecord,
  QueryRecords,
  ReadRecord,
  RecordContainer,
  RecordFailure,
  RecordItem,
  RecordQuery,
  ReplaceRecord,
  UpsertRecord,
} from '../../record/record-port.js';
import { type Cosmos, faultOf, withDeadline } from './client.js';
import type { ContainerName } from './containers.js';

const DEFAULT_PAGE = 100;

/** A container of records on @azure/cosmos. The partition key goes into the options and, in queries, the text. */
export class CosmosRecords implements RecordContainer {
  readonly #container: Container;
  readonly #deadlineMs: number;

  constructor(cosmos: Cosmos, name: Exclude<ContainerName, 'transcripts'>) {
    this.#container = cosmos.container(name);
    this.#deadlineMs = cosmos.deadlineMs;
  }

  async create(_partition: string, item: RecordItem): Promise<CreateRecord> {
    try {
      await withDeadline(this.#deadlineMs, (abortSignal) =>
        this.#container.items.create(item, { abortSignal, disableAutomaticIdGeneration: true }),
      );
      return { kind: 'created' };
    } catch (error) {
      return faultOf(error).status === 409 ? { kind: 'exists' } : failureOf(error);
    }
  }

  async read(partition: string, id: string): Promise<ReadRecord> {
    try {
      const { resource, etag } = await withDeadline(this.#deadlineMs, (abortSignal) =>
        this.#container.item(id, partition).read<Record<string, unknown>>({ abortSignal }),
      );
      if (resource === undefined) return { kind: 'absent' };
      return { kind: 'found', item: withoutSystem(resource), etag };
    } catch (error) {
      return failureOf(error);
    }
  }

  async replace(partition: string, item: RecordItem, etag: string): Promise<ReplaceRecord> {
    try {
      await withDeadline(this.#deadlineMs, (abortSignal) =>
        this.#container
          .item(item.id, partition)
          .replace(item, { abortSignal, accessCondition: { type: 'IfMatch', condition: etag } }),
      );
      return { kind: 'replaced' };
    } catch (error) {
      const { status } = faultOf(error);
      return status === 412 || status === 404 ? { kind: 'changed' } : failureOf(error);
    }
  }

  async upsert(_partition: string, item: RecordItem): Promise<UpsertRecord> {
    try {
      await withDeadline(this.#deadlineMs, (abortSignal) =>
        this.#container.items.upsert(item, { abortSignal, disableAutomaticIdGeneration: true }),
      );
      return { kind: 'written' };
    } catch (error) {
      return failureOf(error);
    }
  }

  async batch(partition: string, operations: readonly BatchOperation[]): Promise<BatchRecords> {
    try {
      const { result, code } = await withDeadline(this.#deadlineMs, (abortSignal) =>
        this.#container.items.batch(operations.map(inputOf), partition, { abortSignal }),
      );
      // The others of a failed batch answer 424: the cause is the one that does not.
      const failed = (result ?? []).find((entry) => entry.statusCode >= 400 && entry.statusCode !== 424);
      if (failed === undefined) {
        return code !== undefined && code >= 300
          ? { kind: 'unknown', code: `HTTP_${code}` }
          : { kind: 'done' };
      }
      return batchFailure(failed.statusCode);
    } catch (error) {
      const { status } = faultOf(error);
      return status === 409 || status === 412 ? { kind: 'conflict' } : failureOf(error);
    }
  }

  async query(partition: string, query: RecordQuery): Promise<QueryRecords> {
    const spec: SqlQuerySpec = {
      query: query.text,
      parameters: Object.entries(query.parameters).map(([name, value]) => ({ name: `@${name}`, value })),
    };
    try {
      return await withDeadline(this.#deadlineMs, async (abortSignal) => {
        const iterator = this.#container.items.query<Record<string, unknown>>(spec, {
          partitionKey: partition,
          abortSignal,
          maxItemCount: query.limit ?? DEFAULT_PAGE,
          ...(query.continuation === undefined ? {} : { continuationToken: query.continuation }),
        });
        const { resources, continuationToken } = await iterator.fetchNext();
        const items = (resources ?? []).map(withoutSystem);
        return { kind: 'page', items, ...(continuationToken ? { continuation: continuationToken } : {}) };
      });
    } catch (error) {
      return failureOf(error);
    }
  }
}

function inputOf(operation: BatchOperation): OperationInput {
  const resourceBody = operation.item as never;
  if (operation.kind === 'create') return { operationType: 'Create', resourceBody };
  return { operationType: 'Replace', id: operation.item.id, ifMatch: operation.etag, resourceBody };
}

function batchFailure(status: number): BatchRecords {
  if (status === 409 || status === 412 || status === 404) return { kind: 'conflict' };
  if (status === 429) return { kind: 'throttled' };
  const code = `HTTP_${status}`;
  return status === 400 || status === 413 ? { kind: 'refused', code } : { kind: 'unknown', code };
}

function failureOf(error: unknown): RecordFailure {
  const { status, code, retryAfterMs } = faultOf(error);
  if (status === 429) return { kind: 'throttled', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return status === 400 || status === 413 ? { kind: 'refused', code } : { kind: 'unknown', code };
}

/** A record without `_rid`, `_self`, `_etag`, `_ts`, `_attachments`. */
function withoutSystem(resource: Record<string, unknown>): RecordItem {
  return Object.fromEntries(Object.entries(resource).filter(([name]) => !name.startsWith('_'))) as RecordItem;
}
