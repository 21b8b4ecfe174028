/**
 * Keys that a caller presses one after the other are one thing said: digits are gathered until a terminator, until there
 * are as many as are wanted, or until the caller presses no more.
 */

export interface ToneSettings {
  /** The key that ends the digits and is none of them; '': none does. */
  readonly terminator: string;
  /** So many are all: 1 makes each key a turn. */
  readonly most: number;
  /** Nothing pressed for so long: that was all, ms. */
  readonly pauseMs: number;
}

export const TONES: ToneSettings = { terminator: '#', most: 20, pauseMs: 2_000 };

/** @param digits never empty; times by the wall clock, ms */
export type Keyed = (digits: string, startedAtMs: number, endedAtMs: number) => void;

export class ToneCollector {
  readonly #settings: ToneSettings;
  readonly #keyed: Keyed;
  #digits = '';
  #startedAtMs = 0;
  #endedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: ToneSettings, keyed: Keyed) {
    this.#settings = settings;
    this.#keyed = keyed;
  }

  /** @param tone one of 0-9, *, #, A-D */
  tone(tone: string): void {
    const { terminator, most, pauseMs } = this.#settings;
    this.#endedAtMs = Date.now();
    if (this.#digits === '') this.#startedAtMs = this.#endedAtMs;
    // Alone it is an answer of its own: a caller who presses it means something.
    const ends = tone === terminator && this.#digits !== '';
    if (!ends) this.#digits += tone;
    if (ends || tone === terminator || this.#digits.length >= most) {
      this.flush();
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), pauseMs);
  }

  /** What was pressed so far is all. */
  flush(): void {
    clearTimeout(this.#timer);
    const digits = this.#digits;
    this.#digits = '';
    if (digits !== '') this.#keyed(digits, this.#startedAtMs, this.#endedAtMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#digits = '';
  }
}
