import {
  type ArchiveFailure,
  type CreateOutcome,
  RANGE_LIMIT,
  type RangeOutcome,
  type ReadOutcome,
  type TailOutcome,
  type TranscriptArchive,
} from '../../record/archive-port.js';
import {
  type ArchiveDocument,
  identityOf,
  isTurn,
  isValidId,
  parseDocument,
  type TurnDocument,
  turnDocumentId,
} from '../../record/documents.js';
import type { DaprState, StateFailure, StateUnknown } from '../dapr-state.js';
import { gallopToLast } from './gallop.js';

export interface DaprArchiveOptions {
  readonly state: DaprState;
  /** Component name. Default `transcripts`. */
  readonly store?: string;
  /** Deadline of one create or read in ms. Default 10000. */
  readonly deadlineMs?: number;
  /** Reads in flight within one `range`. Default 8. */
  readonly readers?: number;
}

const DEFAULT_DEADLINE_MS = 10_000;

/**
 * Transcripts through Dapr's state component. A create is a first-write save without ETag: an upsert with an
 * If-Match that no document can have, so it writes where the id is free and is a conflict where it is not.
 *
 * Throttling: daprd's store client repeats a 429 three times by itself and keeps to its retry-after. What is left
 * after that arrives here as 500 ERR_STATE_SAVE; status 429 stands in the error text only, retry-after nowhere.
 * `throttled` from here therefore carries no time: back off by own judgement.
 */
export class DaprArchive implements TranscriptArchive {
  readonly #state: DaprState;
  readonly #store: string;
  readonly #deadlineMs: number;
  readonly #readers: number;

  constructor(options: DaprArchiveOptions) {
    this.#state = options.state;
    this.#store = options.store ?? 'transcripts';
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
    this.#readers = options.readers ?? 8;
  }

  async create(doc: ArchiveDocument): Promise<CreateOutcome> {
    if (!isValidId(doc.id) || !isValidId(doc.sessionId)) return { kind: 'refused', code: 'id_invalid' };
    const outcome = await this.#state.save({
      store: this.#store,
      key: doc.id,
      value: doc,
      firstWrite: true,
      partitionKey: doc.sessionId,
      deadlineMs: this.#deadlineMs,
    });
    if (outcome.kind === 'saved') return { kind: 'created' };
    if (outcome.kind !== 'conflict') return createFailureOf(outcome);
    const there = await this.read(doc.sessionId, doc.id);
    if (there.kind === 'found') return { kind: 'exists', turnId: identityOf(there.doc) };
    return there.kind === 'absent' ? { kind: 'unknown', code: 'conflict_unreadable' } : there;
  }

  async read(sessionId: string, id: string): Promise<ReadOutcome> {
    const outcome = await this.#state.get({
      store: this.#store,
      key: id,
      partitionKey: sessionId,
      deadlineMs: this.#deadlineMs,
    });
    if (outcome.kind === 'absent') return outcome;
    if (outcome.kind !== 'found') return readFailureOf(outcome);
    const doc = parseDocument(outcome.value);
    return doc === undefined ? { kind: 'unknown', code: 'unreadable' } : { kind: 'found', doc };
  }

  /** By point reads: the component has no query within one partition that is fit for use. */
  async tail(sessionId: string, fromSeq = 0): Promise<TailOutcome> {
    let lastTurnId: string | undefined;
    let lastSeen = fromSeq;
    const found = await gallopToLast<ArchiveFailure>(async (seq) => {
      const outcome = await this.read(sessionId, turnDocumentId(sessionId, seq));
      if (outcome.kind === 'absent') return { there: false };
      if (outcome.kind !== 'found') return { failure: outcome };
      if (isTurn(outcome.doc) && seq >= lastSeen) {
        lastSeen = seq;
        lastTurnId = outcome.doc.turnId;
      }
      return { there: true };
    }, fromSeq);
    if ('failure' in found) return found.failure;
    return { kind: 'tail', lastSeq: found.last, ...(lastTurnId === undefined ? {} : { turnId: lastTurnId }) };
  }

  async range(sessionId: string, fromSeq: number, toSeq: number): Promise<RangeOutcome> {
    const turns = new Map<number, TurnDocument>();
    const last = Math.min(toSeq, fromSeq + RANGE_LIMIT - 1);
    let next = fromSeq;
    let failure: ArchiveFailure | undefined;
    const reader = async (): Promise<void> => {
      while (next <= last && failure === undefined) {
        const seq = next++;
        const outcome = await this.read(sessionId, turnDocumentId(sessionId, seq));
        if (outcome.kind === 'found') {
          if (isTurn(outcome.doc)) turns.set(seq, outcome.doc);
        } else if (outcome.kind !== 'absent') failure = outcome;
      }
    };
    await Promise.all(Array.from({ length: this.#readers }, reader));
    if (failure !== undefined) return failure;
    return { kind: 'range', turns: [...turns.values()].sort((a, b) => a.seq - b.seq) };
  }
}

function createFailureOf(outcome: StateFailure | StateUnknown): CreateOutcome {
  if (outcome.kind === 'unknown') return { kind: 'unknown', code: outcome.code };
  const status = outcome.upstream ?? outcome.status;
  if (status === 429) return { kind: 'throttled' };
  if (status === 413) return { kind: 'too_large' };
  // 400 from the store behind is about this document; 400 from daprd itself may be a missing component.
  if (outcome.upstream === 400) return { kind: 'refused', code: 'HTTP_400' };
  if (outcome.code === 'ERR_MALFORMED_REQUEST') return { kind: 'refused', code: outcome.code };
  return {
    kind: 'unknown',
    code: outcome.upstream === undefined ? outcome.code : `HTTP_${outcome.upstream}`,
  };
}

function readFailureOf(outcome: StateFailure | StateUnknown): ArchiveFailure {
  if (outcome.kind === 'unknown') return { kind: 'unknown', code: outcome.code };
  if ((outcome.upstream ?? outcome.status) === 429) return { kind: 'throttled' };
  return {
    kind: 'unknown',
    code: outcome.upstream === undefined ? outcome.code : `HTTP_${outcome.upstream}`,
  };
}
