import type { VoiceActivitySettings } from './settings.js';

/** Length of one model window, ms. */
export const WINDOW_MS = 32;

export type SpeechChange =
  | { kind: 'start' /** Where speech began, stream time. */; atMs: number }
  | { kind: 'end' /** Where speech ended, stream time. */; atMs: number };

/** From window probabilities to speech-start and speech-end: onset confirmation and hangover. Pure. */
export class SpeechState {
  speaking = false;
  private windows = 0;
  private onsetMs = 0;
  private lastSpeechMs = 0;
  private readonly settings: VoiceActivitySettings;

  constructor(settings: VoiceActivitySettings) {
    this.settings = settings;
  }

  /**
   * @param probability of speech in the window
   * @param startMs stream time of the window's first sample
   */
  update(probability: number, startMs: number): SpeechChange | undefined {
    const { onset, certain, confirmWindows, release, hangoverMs } = this.settings;
    const endMs = startMs + WINDOW_MS;
    if (this.speaking) {
      if (probability >= release) this.lastSpeechMs = endMs;
      return endMs - this.lastSpeechMs >= hangoverMs ? this.end() : undefined;
    }
    if (probability < onset) {
      this.windows = 0;
      return undefined;
    }
    if (this.windows === 0) this.onsetMs = startMs;
    this.windows++;
    if (this.windows < confirmWindows && probability < certain) return undefined;
    this.speaking = true;
    this.lastSpeechMs = endMs;
    return { kind: 'start', atMs: this.onsetMs };
  }

  /** The stream broke off: what was being said has ended. */
  interrupt(): SpeechChange | undefined {
    this.windows = 0;
    return this.speaking ? this.end() : undefined;
  }

  private end(): SpeechChange {
    this.speaking = false;
    this.windows = 0;
    return { kind: 'end', atMs: this.lastSpeechMs };
  }
}
