/** Arguments and answers of CallActor's methods, as they cross Dapr. */
import type { CallFact } from '../call/events.js';
import type { ArchivedTurn } from '../call/ledger.js';
import type { ContextPatch, TurnOffer } from '../call/turn.js';
import type { ConversationContext } from '../memory/context.js';
import type { EventSignal, StartedBy } from './control-messages.js';

export const CALL_ACTOR = 'CallActor';

/** What is known of a call from its first moment; no personal data (the caller is a pseudonym). */
export interface CallOrigin {
  readonly correlationId: string;
  readonly subjectId?: string;
  readonly traceparent?: string;
}

export interface StartArgs {
  readonly origin: CallOrigin;
  readonly by?: StartedBy;
}

export interface EventArgs {
  readonly facts: readonly CallFact[];
  readonly origin: CallOrigin;
  /** What the same events say about operations. */
  readonly signals?: readonly EventSignal[];
}

export interface AttachArgs {
  readonly workerId: string;
  /** Address at which other workers reach this one, for finals that arrive elsewhere. */
  readonly workerUrl: string;
  readonly origin: CallOrigin;
  /** This media worker had the call before: a session that Redis no longer has goes on under its incarnation. */
  readonly previous?: { readonly incarnation: string; readonly mediaEpoch: number };
}

/** What the agent is saying, kept so that another media worker can go on with it. */
export interface Saying {
  readonly turnId: string;
  /** As far as the agent has them. */
  readonly sentences: readonly string[];
  /** Number of those that the caller has heard to their end; the next one is being said. Without it: all but the last. */
  readonly heard?: number;
  /** What else the turn will hold. */
  readonly patch?: ContextPatch;
  /** The agent hangs up after it. */
  readonly hangUp?: boolean;
}

export interface Attached {
  readonly incarnation: string;
  readonly mediaEpoch: number;
  readonly provisional: boolean;
  readonly context: ConversationContext;
  readonly saying?: Saying;
  /** For how long the caller has been without a media worker, ms; 0 for the first one and after a planned move. */
  readonly gapMs?: number;
  /** The call is on hold: nothing is played to it. */
  readonly held?: boolean;
  /** What the actor knows of the call: root of its trace, caller's pseudonym. */
  readonly origin: CallOrigin;
}

export interface SayingArgs {
  readonly incarnation: string;
  readonly mediaEpoch: number;
  readonly saying: Saying;
}

export interface TurnArgs {
  readonly incarnation: string;
  readonly mediaEpoch: number;
  readonly turnNo: number;
  readonly offer: TurnOffer;
}

/** `durable: true` is the only acknowledgement. `archivedNos`: the media worker may forget turns up to this number. */
export interface TurnAnswer {
  readonly seq: number;
  readonly durable: boolean;
  readonly archivedNo: number;
}

export interface DetachArgs {
  readonly incarnation: string;
  readonly mediaEpoch: number;
  /** The media worker drains: another one shall have the call at once. */
  readonly handOver?: boolean;
}

/** A transcription socket is open at this worker. */
export interface TranscribingArgs {
  readonly socketId: string;
  readonly workerId: string;
}

/** Which one is gone: the socket, or all of a dead worker's. */
export interface TranscriptionLostArgs {
  readonly socketId?: string;
  readonly workerId?: string;
  readonly handOver?: boolean;
}

export interface MediaLostArgs {
  readonly workerId: string;
  readonly mediaEpoch: number;
  /** For how long the worker had given no sign, ms. */
  readonly silentMs?: number;
}

export interface ArchivedArgs {
  readonly turns: readonly ArchivedTurn[];
}

export interface Located {
  readonly workerId: string;
  readonly workerUrl: string;
  readonly mediaEpoch: number;
}

export interface CallDescription {
  readonly callConnectionId: string;
  /** Name of the worker that hosts the actor. */
  readonly owner: string;
  readonly incarnation: string;
  readonly ownerEpoch: number;
  readonly mediaEpoch: number;
  readonly mediaWorker: string;
  readonly phase: string;
  readonly turns: number;
  readonly archived: number;
  readonly waiting: number;
}
