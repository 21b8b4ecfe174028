/**
 * Documents that the archive refuses for good are set aside, whole and sealed as they are, in a container of their own:
 * the call can be closed, its transcript says `set_aside`, and what is missing can be read, and put back once the cause
 * is gone. Under a hash and in base64, so that nothing in a document can be the reason to refuse it here too.
 */
import { createHash } from 'node:crypto';
import { type ArchiveDocument, identityOf, isTurn, parseDocument } from './documents.js';
import {
  allOf,
  failureCode,
  type RecordContainer,
  RecordError,
  type RecordFailure,
  type RecordItem,
} from './record-port.js';

/** How long it is kept, s: 90 days. */
export const ASIDE_TTL_S = 90 * 86_400;

export interface SetAside {
  readonly document: ArchiveDocument;
  /** Why the archive refused it. */
  readonly code: string;
  /** ISO 8601. */
  readonly at: string;
  /** When it was put back into the transcript. */
  readonly restoredAt?: string;
}

/** `known`: it lay there already. */
export type Kept = { readonly kind: 'kept' } | { readonly kind: 'known' } | RecordFailure;

export class AsideStore {
  readonly #container: RecordContainer;

  constructor(container: RecordContainer) {
    this.#container = container;
  }

  /** Again is the same. Never throws; what is not kept must be offered again. */
  async keep(document: ArchiveDocument, code: string, nowMs: number): Promise<Kept> {
    const outcome = await this.#container.create(document.sessionId, {
      id: asideId(document),
      kind: 'aside',
      sessionId: document.sessionId,
      code,
      at: new Date(nowMs).toISOString(),
      content: Buffer.from(JSON.stringify(document)).toString('base64'),
      ttl: ASIDE_TTL_S,
    });
    if (outcome.kind === 'created') return { kind: 'kept' };
    return outcome.kind === 'exists' ? { kind: 'known' } : outcome;
  }

  /** What of a session was set aside, restored documents included; one partition. @throws RecordError */
  async of(sessionId: string): Promise<SetAside[]> {
    const query = {
      text: 'SELECT * FROM c WHERE c.sessionId = @sessionId',
      parameters: { sessionId },
      limit: 200,
    };
    const found: SetAside[] = [];
    for await (const item of allOf(this.#container, sessionId, query)) {
      const one = parseAside(item);
      if (one !== undefined) found.push(one);
    }
    return found.sort((a, b) => rankOf(a.document) - rankOf(b.document));
  }

  /** Notes that a document is in the transcript now. @throws RecordError */
  async restored(one: SetAside, nowMs: number): Promise<void> {
    const { sessionId } = one.document;
    const read = await this.#container.read(sessionId, asideId(one.document));
    if (read.kind === 'absent') return;
    if (read.kind !== 'found') throw new RecordError('what was set aside cannot be read', failureCode(read));
    const outcome = await this.#container.replace(
      sessionId,
      { ...read.item, restoredAt: new Date(nowMs).toISOString() },
      read.etag,
    );
    // Another one was faster: it says the same.
    if (outcome.kind === 'replaced' || outcome.kind === 'changed') return;
    throw new RecordError('what was set aside cannot be written', failureCode(outcome));
  }
}

function asideId(document: ArchiveDocument): string {
  return createHash('sha256')
    .update(`${document.id}\n${identityOf(document)}`)
    .digest('hex');
}

function rankOf(document: ArchiveDocument): number {
  if (isTurn(document)) return document.seq;
  return document.kind === 'header' ? 0 : Number.MAX_SAFE_INTEGER;
}

function parseAside(item: RecordItem): SetAside | undefined {
  const { code, at, content, restoredAt } = item;
  if (typeof code !== 'string' || typeof at !== 'string' || typeof content !== 'string') return undefined;
  try {
    const document = parseDocument(JSON.parse(Buffer.from(content, 'base64').toString('utf8')));
    if (document === undefined) return undefined;
    return { document, code, at, ...(typeof restoredAt === 'string' ? { restoredAt } : {}) };
  } catch {
    return undefined;
  }
}

/** Whether all that is missing of a transcript was set aside. */
export function coversGap(missing: readonly number[], aside: readonly SetAside[]): boolean {
  const there = new Set(aside.flatMap(({ document }) => (isTurn(document) ? [document.seq] : [])));
  return missing.every((seq) => there.has(seq));
}
