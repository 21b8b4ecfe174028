import type { SampleRate } from '../audio/pcm.js';

/** One text to speak, usually a sentence. */
export interface SpeechRequest {
  text: string;
  voice: string;
  /** BCP 47, e.g. en-US. Default: the voice's own. */
  language?: string;
  /** Hz of the PCM16 mono audio wanted. */
  sampleRate: SampleRate;
  /** Speaking rate, 1 = the voice's own, 0.5 to 2. */
  rate?: number;
}

export interface Voice {
  name: string;
  language: string;
}

/** Text to speech. */
export interface Speech {
  /**
   * PCM16 mono audio in chunks of whole samples, as they are made.
   * @throws SpeechError; RTV_SPEECH_ABORTED after the signal
   */
  synthesize(request: SpeechRequest, signal: AbortSignal): AsyncIterable<Buffer>;
  voices(): readonly Voice[];
}

/** Bounds of SpeechRequest.rate. */
export function clampRate(rate: number | undefined): number {
  return rate === undefined || Number.isNaN(rate) ? 1 : Math.min(2, Math.max(0.5, rate));
}
