import type { VoiceActivitySettings } from './settings.js';

/** Length of one model window, ms. */
export const WINDOW_MS = 32;

export type SpeechChange =
  | { kind: 'start' /** Where speech began, stream time. */; atMs: number }
  | { kind: 'end' /** Where speech ended, stream time. */; atMs: number };

/** How much of a voice was heard so far, ms. */
export interface VoiceSpan {
  /** From its onset to the last window that sounded like it. */
  readonly voicedMs: number;
  /** Of that, windows in which it stood out clearly from what is around the caller. */
  readonly clearMs: number;
}

/** From window probabilities to speech-start and speech-end: onset confirmation and hangover. Pure. */
export class SpeechState {
  speaking = false;
  private windows = 0;
  private onsetMs = 0;
  private lastSpeechMs = 0;
  private clearMs = 0;
  private readonly settings: VoiceActivitySettings;

  constructor(settings: VoiceActivitySettings) {
    this.settings = settings;
  }

  /** Of the voice that is heard, or was heard last. */
  get span(): VoiceSpan {
    return { voicedMs: this.lastSpeechMs - this.onsetMs, clearMs: this.clearMs };
  }

  /**
   * @param probability of speech in the window
   * @param startMs stream time of the window's first sample
   * @param clear whether the window stands out as far as an onset must
   */
  update(probability: number, startMs: number, clear = false): SpeechChange | undefined {
    const { onset, certain, confirmWindows, release, hangoverMs } = this.settings;
    const endMs = startMs + WINDOW_MS;
    if (this.speaking) {
      if (probability >= release) this.lastSpeechMs = endMs;
      if (clear && probability >= onset) this.clearMs += WINDOW_MS;
      return endMs - this.lastSpeechMs >= hangoverMs ? this.end() : undefined;
    }
    if (probability < onset) {
      this.windows = 0;
      return undefined;
    }
    if (this.windows === 0) {
      this.onsetMs = startMs;
      this.clearMs = 0;
    }
    this.windows++;
    if (clear) this.clearMs += WINDOW_MS;
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
