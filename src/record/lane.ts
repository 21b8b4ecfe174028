import { type ArchiveDocument, identityOf, isTurn } from './documents.js';
import { MAX_DOCUMENT_BYTES, splitTurn } from './parts.js';

/** The waiting documents of one call, in order, and what is known of the write in flight. */
export interface Lane {
  readonly sessionId: string;
  /** The caller's pseudonym, where one is known. */
  subjectId: string | undefined;
  /** In ascending rank: header, turns by `seq`, summary. */
  readonly queue: ArchiveDocument[];
  /** Parts of the first document, written before it. */
  pieces: ArchiveDocument[];
  /** Size that the first document's parts must keep. */
  pieceBytes: number;
  /** `held`: its owner is being told of a conflict, and may number everything anew. */
  state: 'idle' | 'ready' | 'flying' | 'waiting' | 'held';
  /** Failed tries of the first document. */
  attempt: number;
  /** Cancels the timer of `waiting`. */
  cancel: (() => void) | undefined;
  /** `waiting` for an outage, not for a throttle: ends with the outage. */
  outage: boolean;
  /** Written, not yet told. */
  readonly told: { seqs: number[]; turnIds: string[]; marks: ('header' | 'summary')[] };
}

export function newLane(sessionId: string): Lane {
  return {
    sessionId,
    subjectId: undefined,
    queue: [],
    pieces: [],
    pieceBytes: MAX_DOCUMENT_BYTES,
    state: 'idle',
    attempt: 0,
    cancel: undefined,
    outage: false,
    told: { seqs: [], turnIds: [], marks: [] },
  };
}

/** Place of a document within its call. */
function rankOf(doc: ArchiveDocument): number {
  if (isTurn(doc)) return doc.seq;
  return 'kind' in doc && doc.kind === 'header' ? 0 : Number.MAX_SAFE_INTEGER;
}

export type Enqueued =
  | { readonly kind: 'added' }
  /** Waits already. */
  | { readonly kind: 'same' }
  /** Another document waits under this id. */
  | { readonly kind: 'other' };

/** Puts a document in its place. The first one keeps its place while it is being written. */
export function enqueue(lane: Lane, doc: ArchiveDocument): Enqueued {
  const rank = rankOf(doc);
  let at = lane.queue.length;
  while (at > 0) {
    const before = lane.queue[at - 1];
    if (before === undefined) break;
    if (before.id === doc.id) {
      return { kind: identityOf(before) === identityOf(doc) ? 'same' : 'other' };
    }
    const isBusy = at === 1 && (lane.state === 'flying' || lane.pieces.length > 0);
    if (rankOf(before) <= rank || isBusy) break;
    at--;
  }
  lane.queue.splice(at, 0, doc);
  return { kind: 'added' };
}

/** What to write next: the first document, or the next part of it when it is too large for one document. */
export function nextPiece(lane: Lane): ArchiveDocument | undefined {
  const first = lane.queue[0];
  if (first === undefined) return undefined;
  if (lane.pieces.length === 0) {
    const split = isTurn(first) ? splitTurn(first, lane.pieceBytes) : undefined;
    lane.pieces = split === undefined ? [first] : [...split.parts, split.main];
  }
  return lane.pieces[0];
}

/** After a piece was written. Answers the document that is now whole. */
export function pieceWritten(lane: Lane): ArchiveDocument | undefined {
  lane.pieces.shift();
  lane.attempt = 0;
  if (lane.pieces.length > 0) return undefined;
  return dropFirst(lane);
}

/** Takes the first document off, whatever became of it. */
export function dropFirst(lane: Lane): ArchiveDocument | undefined {
  lane.pieces = [];
  lane.pieceBytes = MAX_DOCUMENT_BYTES;
  lane.attempt = 0;
  return lane.queue.shift();
}

/** After 413: smaller parts. False when they cannot be smaller. */
export function splitSmaller(lane: Lane): boolean {
  const first = lane.queue[0];
  if (first === undefined || !isTurn(first)) return false;
  const smaller = Math.floor(lane.pieceBytes / 2);
  if (smaller < 16_384 || first.transcript.length < 1024) return false;
  lane.pieceBytes = smaller;
  lane.pieces = [];
  return true;
}

/** Rough size in memory, bytes. */
export function weightOf(doc: ArchiveDocument): number {
  if (isTurn(doc)) return doc.transcript.length + 512;
  return 1024;
}
