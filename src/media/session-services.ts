/** What a media session is given, one object for all sessions of a worker, and the words that come into it. */
import type { CallTrace } from '../actors/ports.js';
import type { Responder } from '../agent/responder.js';
import type { SampleRate } from '../audio/pcm.js';
import type { PlayoutClock } from './playout.js';
import type { CallLink, MediaLog, MediaMetrics, Voice } from './ports.js';
import type { Splitter } from './reply.js';
import type { SilenceSettings } from './silence.js';

/** What of voice activity a session uses: a channel that is fed frames and tells onsets and ends. */
export interface VoiceEar {
  push(frame: Buffer, atMs: number): void;
  onSpeechStart: ((event: { atMs: number; heardMs: number }) => void) | undefined;
  onSpeechEnd: ((event: { atMs: number; heardMs: number }) => void) | undefined;
  close(): void;
}

export interface Phrases {
  /** Said when the agent or the speech fails. */
  readonly fallback: string;
  /** Said after a gap that the caller heard. */
  readonly bridge: string;
  /** Said to a caller who says nothing. */
  readonly reprompt: string;
  /** Said before hanging up on one who still says nothing. */
  readonly goodbye: string;
}

export interface SessionServices {
  readonly link: CallLink;
  readonly clock: PlayoutClock;
  readonly voice: Voice;
  readonly responder: Responder;
  readonly trace: CallTrace;
  readonly splitter: () => Splitter;
  readonly phrases: Phrases;
  /** Voice activity; without it only words interrupt. */
  readonly voices?: { open(sampleRate: SampleRate): VoiceEar };
  readonly silence: SilenceSettings;
  readonly locale: string;
  readonly metrics: MediaMetrics;
  readonly log: MediaLog;
  /** Keeps the call in this worker's affinity set. */
  readonly affinity: { add(callId: string): Promise<void>; remove(callId: string): Promise<void> };
  hangUp(callId: string): void;
}

/** The caller's words, from whichever worker heard them. */
export interface Heard {
  /** Of the utterance, made where it was heard: it becomes the turn's id, so that words that come twice are one turn. */
  readonly id: string;
  readonly text: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** false: an intermediate result, which may interrupt but is no turn. */
  readonly final: boolean;
}
