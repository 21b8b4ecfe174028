/** What actors need from outside, declared beside their user; adapters stand in src/stores, src/record and src/acs. */
import type { ArchivedTurn } from '../call/ledger.js';
import type { TurnMeasures } from '../call/measures.js';
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
  /** Number of the owner's last write. */
  readonly write: number;
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
  claim(callId: string, nonce: string, create?: NewSession): Promise<SessionRecord | 'absent' | 'unreadable'>;
  /** In order of their numbers. */
  entries(callId: string): Promise<JournalEntry[]>;
  read(callId: string): Promise<SessionRecord | 'absent' | 'unreadable'>;
  commit(callId: string, own: Ownership, commit: Commit): Promise<Verdict>;
  write(callId: string, own: Ownership, write: WriteNumber, fields: SessionFields): Promise<Verdict>;
  restore(callId: string, own: Ownership, whole: WholeSession): Promise<Verdict>;
  /** Renews the TTLs of everything the call owns in Redis. */
  touch(callId: string): Promise<void>;
  /** Moves damaged keys out of the way, kept for inspection; what can be read stays. */
  setAside(callId: string): Promise<void>;
}

/** A session that is not there yet. `seq`: the archive holds turns up to it. */
export interface NewSession {
  readonly incarnation: string;
  readonly data: string;
  readonly seq: number;
}

/** Each write of an owner has a higher number, so that a late one does no harm and a lost one shows. */
export interface WriteNumber {
  readonly number: number;
  /** The highest one that Redis acknowledged. */
  readonly acknowledged: number;
}

export interface Commit {
  readonly commitId: string;
  readonly write: WriteNumber;
  readonly fromSeq: number;
  readonly payloads: readonly string[];
  readonly fields?: SessionFields;
}

export interface SessionFields {
  /** Another lineage of the same call is taken up. */
  readonly incarnation?: string;
  /** Last number, where a lineage is taken up; else commits move it. */
  readonly seq?: number;
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
  readonly write: number;
  /** What stood there when it was read; undefined: nothing. Anything else there now, and nothing is written. */
  readonly seen: SessionRecord | undefined;
  readonly entries: readonly JournalEntry[];
  /** Numbers whose entries go. */
  readonly voids: readonly number[];
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
  readonly measures?: TurnMeasures;
  readonly transcript: string;
  readonly schema: 1;
}

/** The worker's archiver. `offer` false: it is full, offer again later. */
export interface TurnSink {
  /** @param subjectId the caller's pseudonym, for the header of the transcript */
  offer(document: TurnDocument, subjectId?: string): boolean;
  /** The call's turns got other numbers: what waits under the old ones must not be written. */
  withdraw(callId: string): void;
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
  /** What the check of the transcript found: `complete`, or what is wrong with it. Absent before the check. */
  readonly transcript?: string;
  /** Sealed: what the agent noted for the caller's profile. */
  readonly remembered?: string;
}

/** The last steps of a call; each may run twice. */
export interface Closing {
  /** Header and summary documents, the check that the transcript is complete (its answer), analytics. */
  completeTranscript(summary: CallSummary): Promise<string>;
  writeSummary(summary: CallSummary): Promise<void>;
  /** Whether the call has a summary: the tombstone that says it ended. */
  hasEnded(callId: string): Promise<boolean>;
  updateProfile(summary: CallSummary): Promise<void>;
  /**
   * The newest turns that Cosmos holds of the call, in order; none when there are none.
   * @throws RTV_COSMOS_UNAVAILABLE: then nothing is known
   */
  archivedTurns(callId: string): Promise<readonly ArchivedTurn[]>;
}

/** Callers who were erased (design §4 rule 11): nothing of a call begun before may be written any more. */
export interface Erasures {
  /** What this worker knows without asking, at most a second old while Redis answers. */
  isErased(subjectId: string | undefined, incarnation: string): boolean;
  /** Asks the permanent tier. @throws RTV_COSMOS_UNAVAILABLE: nothing is known, so nothing is written there */
  check(subjectId: string | undefined, incarnation: string): Promise<boolean>;
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
  /**
   * Asked for, not waited for: what comes of it arrives as an event. A stream that ACS holds for active is stopped
   * first: known to be (`active`), or when ACS says so (`perhaps`).
   */
  restartMedia(callId: string, stream: 'active' | 'perhaps'): void;
  restartTranscription(callId: string, stream: 'active' | 'perhaps'): void;
}

/** What a span says of itself: ids, numbers, kinds; nothing personal. */
export type SpanFacts = Readonly<Record<string, string | number | boolean>>;

/** A moment within a span, wall-clock ms. */
export interface SpanEvent {
  readonly name: string;
  readonly atMs: number;
}

/** Spans of the call's one trace, under the traceparent of its root. Without one nothing is traced. */
export interface CallTrace {
  span<T>(name: string, parent: string | undefined, facts: SpanFacts, work: () => Promise<T>): Promise<T>;
  /** Something that already happened, by wall-clock ms. Answers its traceparent, for spans under it. */
  past(
    name: string,
    parent: string | undefined,
    facts: SpanFacts,
    startMs: number,
    endMs: number,
    events?: readonly SpanEvent[],
  ): string | undefined;
}

/** What comes back from an actor method. */
export type Answer<T extends object> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly code: ErrorCode; readonly expected?: number };
