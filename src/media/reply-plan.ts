/** How a reply is spoken, what is told while it is, and what comes of it. */
import type { Saying } from '../actors/call-messages.js';
import type { SpanFacts } from '../actors/ports.js';
import type { ContextPatch } from '../call/turn.js';
import type { Speaker } from '../speech/speaker.js';
import type { Spoken } from './ports.js';
import type { ReplyStage } from './reply-trace.js';
import type { Moment } from './waterfall.js';

export interface ReplyHooks {
  /** A sentence was added, before its first frame leaves, or heard to its end. Never rejects. */
  saying(progress: ReplyProgress): Promise<void>;
  /** The first frame of a sentence left, whose speech had waited so long for the record of the turn, ms. */
  started(from: Spoken['from'], waitedMs: number): void;
  /** Agent or speech failed: the phrase to say instead. */
  failed(what: 'agent' | 'speech', cause: unknown): string;
  /** A moment of the turn; the first time counts. */
  reached(moment: Moment): void;
  /** A stage of the reply ended, begun at `startMs` (wall clock): for the trace. */
  stage(name: ReplyStage, startMs: number, facts?: SpanFacts): void;
}

/** How far a reply has come, enough for another worker to go on with it. */
export type ReplyProgress = Pick<Saying, 'sentences' | 'heard' | 'patch' | 'hangUp'>;

/** How a reply is spoken, and how long a caller waits for it. */
export interface ReplyPlan {
  readonly speaker: Speaker;
  /** What the waiting counts from, ms of the monotonic clock. */
  readonly since: number;
  /** Said when nothing of the reply can be heard `fillerMs` after `since`; '' for nothing. */
  readonly filler: string;
  readonly fillerMs: number;
  /** When nothing of the reply can be heard so long after `since`, it is given up for the phrase of a failure, ms. */
  readonly fallbackMs: number;
  /** Nothing is heard before this settled: the turn that is answered is on record. */
  readonly recorded?: Promise<unknown>;
}

export interface ReplyOutcome {
  /** Another worker goes on with it: it makes no turn here. */
  readonly left: boolean;
  /** What was heard. */
  readonly text: string;
  readonly interrupted: boolean;
  /** It ended with the phrase of a failure. */
  readonly failed: boolean;
  readonly patch: ContextPatch | undefined;
  readonly hangUp: boolean;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** Cuts a stream of text into sentences; the speech folder has the splitter. */
export interface Splitter {
  push(text: string): string[];
  flush(): string[];
}
