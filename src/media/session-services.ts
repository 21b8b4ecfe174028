/** What a media session is given, one object for all sessions of a worker, and the words that come into it. */
import type { CallTrace } from '../actors/ports.js';
import type { Responder } from '../agent/responder.js';
import type { SampleRate } from '../audio/pcm.js';
import type { ConversationContext } from '../memory/context.js';
import type { Speaker } from '../speech/speaker.js';
import type { SpokenTexts } from '../speech/spoken-texts.js';
import type { BargeInSettings } from './barge-in.js';
import type { CallerWordsSettings } from './caller-words.js';
import type { VoiceEar } from './ears.js';
import type { PlayoutClock } from './playout.js';
import type { CallLink, MediaLog, MediaMetrics, Voice } from './ports.js';
import type { Splitter } from './reply-plan.js';
import type { SilenceSettings } from './silence.js';

/** How long a caller waits in silence, ms. */
export interface Patience {
  /** Until something is said to fill it; 0: never. */
  readonly fillerMs: number;
  /** Until the reply is given up for an excuse. */
  readonly fallbackMs: number;
}

export interface SessionServices {
  readonly link: CallLink;
  readonly clock: PlayoutClock;
  readonly voice: Voice;
  readonly responder: Responder;
  readonly trace: CallTrace;
  readonly splitter: () => Splitter;
  /** What is said without the agent. */
  readonly texts: { of(language: string): SpokenTexts };
  /** Language and voice of a call. */
  readonly speakers: { of(context: ConversationContext): Speaker };
  readonly patience: Patience;
  /** Voice activity; without it only words interrupt. */
  readonly voices?: { open(sampleRate: SampleRate): VoiceEar };
  readonly bargeIn?: BargeInSettings;
  readonly silence: SilenceSettings;
  /** How keys are gathered, and where an utterance ends whose final does not come. */
  readonly words?: CallerWordsSettings;
  /** Beginnings of raw ids of participants whose sound, words and keys count for nothing: other bots. */
  readonly ignored?: readonly string[];
  readonly metrics: MediaMetrics;
  readonly log: MediaLog;
  /** Keeps the call in this worker's affinity set. */
  readonly affinity: { add(callId: string): Promise<void>; remove(callId: string): Promise<void> };
  hangUp(callId: string): void;
  /** The call goes on in another language: whoever transcribes it should know. */
  languageChanged(callId: string, language: string): void;
}

/** The caller's words, from whichever worker heard them. */
export interface Heard {
  /** Of the utterance, made where it was heard: it becomes the turn's id, so that words that come twice are one turn. */
  readonly id: string;
  readonly text: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Where it begins on the recogniser's own clock, ms; by this two results of one utterance are known. */
  readonly offsetMs?: number;
  /** false: an intermediate result, which may interrupt but is no turn. */
  readonly final: boolean;
}
