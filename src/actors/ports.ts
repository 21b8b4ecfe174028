/** What actors need from outside, declared beside their user; adapters stand in src/stores, src/record and src/acs. */
import type { CallState } from '../call/state.js';
import type { ErrorCode } from '../errors.js';
import type { ConversationContext } from '../memory/context.js';

/** Who may write a call's session: equality of all three is asked, not only "not lower" (design §4 rule 1). */
export interface Ownership {
  readonly incarnation: string;
  readonly ownerEpoch: number;
  readonly ownerNonce: string;
}

/** The session hash as read. `data` and `saying` are opaque to the journal. */
export interface SessionRecord extends Ownership {
  readonly mediaEpoch: number;
  readonly mediaWorker: string;
  readonly seq: number;
  readonly commitId: string;
  readonly archivedThrough: number;
  readonly data: string;
  readonly saying: string;
}

export interface JournalEntry {
  readonly seq: number;
  readonly payload: string;
}

/** What stands in the session in place of what a writer expected. */
export type Verdict =
  | { readonly kind: 'done' }
  /** Another owner or lineage: this one is stale. */
  | { readonly kind: 'fenced' }
  /** Nothing there, less than known, or more than known with the owner's own marks: the store went back in time. */
  | { readonly kind: 'diverged' };

/**
 * The session and journal of a call. Each method is one round trip and throws `JournalFailure` when there is no
 * answer or a refusal; then nothing is known (unknown) or nothing happened (refused, unavailable).
 */
export interface Journal {
  claim(
    callId: string,
    nonce: string,
    create?: { readonly incarnation: string; readonly data: string },
  ): Promise<SessionRecord | 'absent' | 'unreadable'>;
  entries(callId: string): Promise<JournalEntry[]>;
  read(callId: string): Promise<SessionRecord | 'absent' | 'unreadable'>;
  commit(callId: string, own: Ownership, commit: Commit): Promise<Verdict>;
  write(callId: string, own: Ownership, fields: SessionFields): Promise<Verdict>;
  restore(callId: string, own: Ownership, whole: WholeSession): Promise<Verdict>;
  /** Renews the TTLs of everything the call owns in Redis. */
  touch(callId: string): Promise<void>;
  /** Moves a damaged key out of the way, kept for inspection. */
  setAside(callId: string): Promise<void>;
}

export interface Commit {
  readonly commitId: string;
  readonly fromSeq: number;
  readonly payloads: readonly string[];
  readonly fields?: SessionFields;
}

export interface SessionFields {
  readonly mediaEpoch?: number;
  readonly mediaWorker?: string;
  readonly archivedThrough?: number;
  readonly data?: string;
  readonly saying?: string;
}

export interface WholeSession {
  readonly mediaEpoch: number;
  readonly mediaWorker: string;
  readonly archivedThrough: number;
  readonly data: string;
  readonly saying: string;
  readonly seq: number;
  readonly commitId: string;
  readonly entries: readonly JournalEntry[];
}

export class JournalFailure extends Error {
  readonly kind: 'unknown' | 'refused' | 'unavailable';
  readonly wrongType: boolean;

  constructor(kind: 'unknown' | 'refused' | 'unavailable', detail: string, wrongType = false) {
    super(detail);
    this.name = 'JournalFailure';
    this.kind = kind;
    this.wrongType = wrongType;
  }
}

/** The context snapshots, through the Dapr state component, coalesced to one a second and call. */
export interface ContextStore {
  /** undefined: there is none, or it was damaged and set aside. */
  load(callId: string): Promise<ConversationContext | undefined>;
  /** The snapshot is written within a second; never waited for. */
  changed(callId: string, context: ConversationContext): void;
  /** Writes what is due for the call now. */
  flush(callId: string): Promise<void>;
}

export interface TurnDocument {
  readonly id: string;
  readonly sessionId: string;
  readonly incarnation: string;
  readonly seq: number;
  readonly turnId: string;
  readonly role: 'user' | 'agent';
  readonly agent: string;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly mediaEpoch: number;
  readonly turnNo: number;
  readonly interrupted: boolean;
  readonly transcript: string;
  readonly schema: 1;
}

/** The worker's archiver. `offer` false: it is full, offer again later. */
export interface TurnSink {
  offer(document: TurnDocument): boolean;
}

export interface CallSummary {
  readonly callConnectionId: string;
  readonly incarnation: string;
  readonly correlationId: string;
  readonly subjectId?: string;
  readonly turns: number;
  readonly connectedAt?: string;
  readonly disconnectedAt?: string;
  readonly outcome: string;
}

/** The last steps of a call; each may run twice. */
export interface Closing {
  /** Header and summary documents, and the check that the transcript is complete. */
  completeTranscript(summary: CallSummary): Promise<void>;
  writeSummary(summary: CallSummary): Promise<void>;
  /** Whether the call has a summary: the tombstone that says it ended. */
  hasEnded(callId: string): Promise<boolean>;
  updateProfile(summary: CallSummary): Promise<void>;
  /** Highest sequence number in Cosmos for this incarnation; 0 when there is none. */
  transcriptTail(callId: string, incarnation: string): Promise<number>;
}

/** `rtvoice:{env}:system:calls:live`: calls that must not be forgotten. */
export interface LiveIndex {
  add(callId: string): Promise<void>;
  remove(callId: string): Promise<void>;
}

export interface Affinity {
  release(workerId: string, callId: string): Promise<void>;
}

/** Dapr reminders of an actor; recurring, so that a lost one costs a period. */
export interface Reminders {
  /** false: not done, try again. */
  register(callId: string): Promise<boolean>;
  unregister(callId: string): Promise<boolean>;
}

/** What ACS says and does about a call. */
export interface CallLine {
  /** GET call properties. */
  state(callId: string): Promise<'connecting' | 'connected' | 'disconnected' | 'unknown'>;
  /** Asked for, not waited for: what comes of it arrives as an event. */
  restartMedia(callId: string): void;
  restartTranscription(callId: string): void;
}

export type { CallState };

/** What comes back from an actor method. */
export type Answer<T extends object> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly code: ErrorCode; readonly expected?: number };
