/** What the media engine needs from outside, declared beside its user. */
import type { Attached, CallOrigin, Located, Saying, TurnAnswer } from '../actors/call-messages.js';
import type { Answer } from '../actors/ports.js';
import type { SampleRate } from '../audio/pcm.js';
import type { TurnOffer } from '../call/turn.js';
import type { Speaker } from '../speech/speaker.js';
import type { Step } from './waterfall.js';

/** The call's actor, as its media worker sees it. Never throws; each call has a deadline. */
export interface CallLink {
  attach(callId: string, origin: CallOrigin, previous: MediaPosition | undefined): Promise<Answer<Attached>>;
  say(callId: string, at: MediaPosition, saying: Saying): Promise<Answer<object>>;
  turn(callId: string, at: MediaPosition, turnNo: number, offer: TurnOffer): Promise<Answer<TurnAnswer>>;
  /** `handOver`: another worker shall have the call at once. */
  detach(callId: string, at: MediaPosition, handOver: boolean): Promise<Answer<object>>;
  /** The call's transcription socket is open here. Answers where its audio is. */
  transcribing(callId: string, socketId: string): Promise<Answer<Located>>;
  /** That socket broke, or is given away. */
  transcriptionLost(callId: string, socketId: string, handOver: boolean): Promise<Answer<object>>;
}

/** Which attachment of which session this media worker holds. */
export interface MediaPosition {
  readonly incarnation: string;
  readonly mediaEpoch: number;
}

/** Speech for a whole sentence: PCM16 mono at the session's rate. */
export interface Voice {
  /** Rejects once the signal aborts. @param speaker whose voice; without one the usual one */
  speak(text: string, sampleRate: SampleRate, signal: AbortSignal, speaker?: Speaker): Promise<Spoken>;
}

export interface Spoken {
  readonly pcm: Buffer;
  /** Where it came from, for the latency figures. */
  readonly from: 'memory' | 'store' | 'synthesis';
}

/** The caller's line: the media socket as the session writes to it. */
export interface MediaLine {
  /** @returns whether the socket was open to take it */
  send(message: string | Buffer): boolean;
  /** Bytes that the socket has not taken yet. */
  readonly bufferedAmount: number;
  close(code: number, reason: string): void;
}

/** Where the time of one answered turn went: ms by step (waterfall.ts). */
export interface TurnLatency {
  readonly callId: string;
  readonly turnId: string;
  readonly steps: Readonly<Partial<Record<Step, number>>>;
}

export interface MediaMetrics {
  /** ms from the final transcript to the first frame of the reply; `waitedMs` of it the speech waited for the record. */
  firstFrame(ms: number, from: Spoken['from'], waitedMs: number): void;
  /** ms from the socket's first metadata to the first frame of the greeting. */
  greeting(ms: number): void;
  turnMeasured(latency: TurnLatency): void;
  turnAnswered(durable: boolean, ms: number): void;
  frameIn(): void;
  /** Frames of the caller's audio never came. */
  framesMissing(frames: number): void;
  malformed(): void;
  interrupted(): void;
  /** The agent fell silent at a voice's onset. */
  paused(): void;
  failed(what: 'agent' | 'speech'): void;
  /** A caller was told that the agent is back, after a gap. */
  bridged(): void;
  /** A turn was given up: its call ended or the bound of waiting turns was passed. */
  turnLost(reason: string): void;
}

export interface MediaLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
