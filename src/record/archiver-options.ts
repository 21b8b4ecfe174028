import type { TranscriptArchive } from './archive-port.js';
import type { Clock } from './clock.js';
import type { ArchiveDocument } from './documents.js';
import type { PaceLimits } from './pace.js';

export interface ArchiverMetrics {
  /** Outcome of one create: `created`, `exists`, `conflict`, `throttled`, `too_large`, `refused`, `unknown`, `erased`. */
  outcome(kind: string, latencyMs: number): void;
  backlog(documents: number, bytes: number): void;
  concurrency(limit: number, inFlight: number): void;
  /** From `offer` to written, ms. */
  archived(ageMs: number): void;
}

export interface ArchiverOptions {
  readonly archive: TranscriptArchive;
  /**
   * Told for exactly what was written, in order. Not told again unless the document is offered again: whoever did
   * not take it in offers again and is told `exists` as written.
   */
  readonly onArchived: (
    sessionId: string,
    seqs: readonly number[],
    marks: readonly ('header' | 'summary')[],
    /** Whose turn each of `seqs` is. */
    turnIds: readonly string[],
  ) => void | Promise<void>;
  /**
   * Another document lies under this id: state was lost. It and all that waited behind it are given back; the
   * receiver numbers them again after the archive's tail. Nothing more of the session is written before the answer.
   */
  readonly onConflict: (
    doc: ArchiveDocument,
    existingTurnId: string,
    waiting: readonly ArchiveDocument[],
  ) => void | Promise<void>;
  /** The store refuses this document for good. It is out of the queue; alert, keep it elsewhere. */
  readonly onPoison: (doc: ArchiveDocument, code: string) => void | Promise<void>;
  /**
   * Asked before each write of a session whose caller is known (rule of state 11): true, and the document is dropped
   * and told as written. One that throws counts as a store that does not answer.
   */
  readonly erased?: (subjectId: string, incarnation: string) => Promise<boolean>;
  readonly metrics?: ArchiverMetrics;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly pace?: Partial<PaceLimits>;
  /** Bounds of what waits. Defaults 20000 documents, 64 MiB. */
  readonly maxDocuments?: number;
  readonly maxBytes?: number;
}

export interface ArchiverStats {
  readonly documents: number;
  readonly bytes: number;
  readonly calls: number;
  readonly inFlight: number;
  readonly limit: number;
  /** Tries without an answer in a row; above a few the store is away. */
  readonly failures: number;
}
