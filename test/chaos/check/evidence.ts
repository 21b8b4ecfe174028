/**
 * What a run left behind, as seen by others than the worker: by the proxies before its sidecars, by the callers, in the
 * stores. All times are Unix ms. The checker shares no code with what it judges (a rule of the layers).
 */

/** One request of CallActor's `turn`, with its answer as the proxy saw it. */
export interface SeenTurn {
  readonly callId: string;
  readonly turnId: string;
  readonly role: 'user' | 'agent';
  readonly text: string;
  readonly incarnation: string;
  readonly mediaEpoch: number;
  readonly turnNo: number;
  /** The worker that sent it, from 1. */
  readonly worker: number;
  readonly askedMs: number;
  /** Absent: no answer came by. */
  readonly answeredMs?: number;
  /** Answered 200 with `durable: true`. */
  readonly durable: boolean;
  /** What it was refused with, or the status. */
  readonly refused?: string;
}

/** A turn document. */
export interface StoredTurn {
  readonly callId: string;
  readonly documentId: string;
  readonly incarnation: string;
  readonly seq: number;
  readonly turnId: string;
  readonly role: 'user' | 'agent';
  readonly mediaEpoch: number;
  readonly turnNo: number;
}

/** A summary document: the transcript's end. */
export interface StoredSummary {
  readonly callId: string;
  readonly incarnation: string;
  readonly turns: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** A moment of a call on its caller's side: answered, connected, media, mediaLost, turn, reply, noReply … */
export interface Moment {
  readonly event: string;
  readonly atMs: number;
}

/** A call as its caller lived it. */
export interface CallersAccount {
  readonly callId: string;
  readonly placedMs: number;
  /** The application took the call. */
  readonly answered: boolean;
  /** As the simulator calls it; undefined: it gave no account of the end. */
  readonly outcome: string | undefined;
  readonly endedBy: string | undefined;
  readonly endedMs: number | undefined;
  /** In order; each text once. */
  readonly said: readonly string[];
  readonly heard: number;
  readonly moments: readonly Moment[];
}

/** Session and context in Redis, soon after the call's end. Undefined where there was none (any more). */
export interface EndState {
  readonly callId: string;
  readonly phase: string | undefined;
  readonly sessionSeq: number | undefined;
  readonly contextThrough: number | undefined;
}

/** A transcript through the reading API. */
export interface ReadTranscript {
  readonly callId: string;
  readonly complete: boolean;
  readonly turns: readonly { readonly turnId: string; readonly role: string; readonly text: string }[];
}

/** A firing of a call's reminder, or its registration or removal, with what became of it. */
export interface SeenReminder {
  readonly callId: string;
  readonly what: 'registered' | 'fired' | 'removed';
  readonly atMs: number;
  readonly ok: boolean;
}

export interface LeftOvers {
  /** Keys that belong to no living thing, by what they are. */
  readonly keys: readonly string[];
  /** Members of indexes and sets that name what is no more. */
  readonly indexEntries: readonly string[];
  /** Calls that still have a reminder. */
  readonly reminders: readonly string[];
  /** Actors of calls and callers in memory. */
  readonly actors: number;
  /** Keys that stand as long as their policy says, by what they are: no left-overs. */
  readonly expiring: Readonly<Record<string, number>>;
}

export interface DoneFault {
  readonly kind: string;
  readonly worker?: number;
  readonly atMs: number;
  /** It was over: the process runs again, the way is open. Absent: it has not been seen. */
  readonly overMs?: number;
}

export interface Evidence {
  readonly calls: readonly CallersAccount[];
  readonly turns: readonly SeenTurn[];
  readonly stored: readonly StoredTurn[];
  readonly summaries: readonly StoredSummary[];
  readonly endStates: readonly EndState[];
  readonly transcripts: readonly ReadTranscript[];
  readonly reminders: readonly SeenReminder[];
  readonly leftOvers: LeftOvers;
  readonly faults: readonly DoneFault[];
}
