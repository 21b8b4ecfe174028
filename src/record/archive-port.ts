import type { ArchiveDocument, TurnDocument } from './documents.js';

/** What came of a create. No adapter throws; each call ends within the adapter's deadline. */
export type CreateOutcome =
  | { readonly kind: 'created' }
  /** A document with this id is there. `turnId` is its identity (documents.ts): the same one means done. */
  | { readonly kind: 'exists'; readonly turnId: string }
  /** 429. `retryAfterMs` where the store's answer reaches the adapter. */
  | { readonly kind: 'throttled'; readonly retryAfterMs?: number }
  /** Nothing of this caller may be written any more. Never an adapter's own outcome. */
  | { readonly kind: 'erased' }
  /** 413: over the store's 2 MB. */
  | { readonly kind: 'too_large' }
  /** This document can never be written (poison). */
  | { readonly kind: 'refused'; readonly code: string }
  /** Time-out, broken connection, 5xx, wrong credentials: try again, create is idempotent. */
  | { readonly kind: 'unknown'; readonly code: string };

export type ArchiveFailure =
  | { readonly kind: 'throttled'; readonly retryAfterMs?: number }
  | { readonly kind: 'unknown'; readonly code: string };

export type ReadOutcome =
  | { readonly kind: 'found'; readonly doc: ArchiveDocument }
  | { readonly kind: 'absent' }
  | ArchiveFailure;

/** `lastSeq` 0: no turn is there. */
export type TailOutcome =
  | { readonly kind: 'tail'; readonly lastSeq: number; readonly turnId?: string }
  | ArchiveFailure;

export type RangeOutcome =
  | { readonly kind: 'range'; readonly turns: readonly TurnDocument[] }
  | ArchiveFailure;

/** The permanent transcripts. Documents are created, never replaced. */
export interface TranscriptArchive {
  create(doc: ArchiveDocument): Promise<CreateOutcome>;
  read(sessionId: string, id: string): Promise<ReadOutcome>;
  /** Highest archived `seq`. `fromSeq` is a hint: a `seq` that is known to be archived. */
  tail(sessionId: string, fromSeq?: number): Promise<TailOutcome>;
  /** Turns with fromSeq ≤ seq ≤ toSeq in order, missing ones left out; at most `RANGE_LIMIT` numbers a call. */
  range(sessionId: string, fromSeq: number, toSeq: number): Promise<RangeOutcome>;
}

export const RANGE_LIMIT = 200;
