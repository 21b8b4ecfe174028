import type { PlayoutFigures } from '../media/playout.js';
import { now, tenths } from '../time.js';

/** How a call came to its end. */
export type Outcome =
  | 'completed'
  | 'no_agent_audio'
  | 'ended_by_app'
  | 'hung_up_by_fault'
  | 'timed_out'
  | 'unanswered'
  | 'undeliverable'
  | 'rejected'
  | 'redirected'
  | 'transferred'
  | 'cancelled'
  | 'shut_down';

/** One turn on the caller's timeline: ms since the call was connected, in steps of a frame (20 ms). */
export interface Turn {
  readonly role: 'user' | 'agent';
  /** What the caller said; always empty for the agent: the simulator hears sound, not words. */
  readonly text: string;
  readonly startedMs: number;
  endedMs: number;
  /** End of the caller's speech → the agent's reply is heard. */
  responseMs?: number;
  /** Final transcript sent → first audio frame received that is not marked as silent. */
  finalToFirstFrameMs?: number;
  /** The same, to the first frame that one can hear: most voices begin with a little silence. */
  finalToFirstSoundMs?: number;
  /** The caller spoke while the agent did; the time until the agent was silent. */
  silencedAfterMs?: number;
  bargeIn?: true;
  /** The agent did not answer this turn in time. */
  noReply?: true;
}

/** Waits that belong to the application, measured at ACS's end, ms. */
export interface Timings {
  /** IncomingCall posted (first attempt) → answer request came in: the application's own share. */
  incomingToRequestMs?: number;
  /** The same until the call is answered: half of the REST latency later. */
  incomingToAnswerMs?: number;
  /** CallConnected posted → first audio frame received. */
  connectedToFirstAudioMs?: number;
  /** Media socket open → first audio frame received. */
  mediaToFirstAudioMs?: number;
  /** Call connected → media socket open; mostly the simulator's own latency. */
  connectedToMediaMs?: number;
}

/** The final account of a call. */
export interface CallResult {
  readonly callConnectionId: string;
  readonly correlationId: string;
  readonly turns: readonly Turn[];
  readonly outcome: Outcome;
  readonly endedBy: 'caller' | 'app' | 'simulator' | undefined;
  readonly detail: string | undefined;
  readonly audio: {
    readonly framesSent: number;
    readonly framesReceived: number;
    readonly framesPlayed: number;
    readonly framesDiscarded: number;
    readonly framesOverflowed: number;
    readonly framesUnsent: number;
    readonly stopAudio: number;
    /** Times the agent's speech broke off because its frames came late, and for how long in all. */
    readonly gaps: number;
    readonly gapMs: number;
  };
  readonly timings: Timings;
  readonly noReplies: number;
  readonly media: { readonly opened: number; readonly failed: number; readonly lost: number };
  readonly transcripts: {
    readonly interim: number;
    readonly final: number;
    readonly unsent: number;
    /** Transcription sockets that broke. */
    readonly lost: number;
  };
  readonly callbacks: { readonly sent: number; readonly dropped: number; readonly refused: number };
  readonly incomingAttempts: number;
  readonly durationMs: number;
  readonly seed: number;
  readonly latency: string;
  readonly faults: string;
}

/** What is counted while a call runs. Times on the monotonic clock, ms. */
export class CallReport {
  readonly placedAt = now();
  readonly turns: Turn[] = [];
  readonly timings: Timings = {};
  incomingAttempts = 0;
  incomingAt: number | undefined;
  connectedAt: number | undefined;
  connectedPostedAt: number | undefined;
  mediaOpenAt: number | undefined;
  endedAt: number | undefined;
  framesSent = 0;
  framesReceived = 0;
  framesUnsent = 0;
  stopAudio = 0;
  noReplies = 0;
  mediaOpened = 0;
  mediaFailed = 0;
  mediaLost = 0;
  interim = 0;
  finals = 0;
  unsentTranscripts = 0;
  transcriptionLost = 0;
  /** Playouts of earlier media formats are gone; there is one in a call. */
  playout: PlayoutFigures | undefined;
  /** The user turn whose final was sent and not answered yet. */
  awaitingAudio: { turn: Turn; finalAt: number } | undefined;

  answerRequested(): void {
    if (this.incomingAt !== undefined) this.timings.incomingToRequestMs ??= tenths(now() - this.incomingAt);
  }

  answered(): void {
    if (this.incomingAt !== undefined) this.timings.incomingToAnswerMs ??= tenths(now() - this.incomingAt);
  }

  mediaOpen(): void {
    this.mediaOpened += 1;
    this.mediaOpenAt ??= now();
    if (this.connectedAt !== undefined) {
      this.timings.connectedToMediaMs ??= tenths(this.mediaOpenAt - this.connectedAt);
    }
  }

  /** An audio message came in that is not marked as silent; `sound`: one can hear it. */
  audioReceived(sound: boolean): void {
    const at = now();
    if (this.mediaOpenAt !== undefined) this.timings.mediaToFirstAudioMs ??= tenths(at - this.mediaOpenAt);
    if (this.connectedPostedAt !== undefined) {
      this.timings.connectedToFirstAudioMs ??= tenths(at - this.connectedPostedAt);
    }
    if (!this.awaitingAudio) return;
    const { turn, finalAt } = this.awaitingAudio;
    turn.finalToFirstFrameMs ??= tenths(at - finalAt);
    if (!sound) return;
    turn.finalToFirstSoundMs = tenths(at - finalAt);
    this.awaitingAudio = undefined;
  }
}
