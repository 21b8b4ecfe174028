/**
 * The caller speaks while the agent does. Two steps: at the onset of a voice the agent falls silent; when it turns out
 * to be an interruption (long enough, or words) the reply is cancelled; when it was a noise or a backchannel
 * ("uh-huh") the agent goes on where it stopped. Pure but for the timer it is given.
 */

export interface BargeInSettings {
  /** A voice this long is an interruption, ms from its onset. */
  readonly confirmMs: number;
  /** Words that only say "I am listening", lower case. */
  readonly backchannels: readonly string[];
}

export const BARGE_IN: BargeInSettings = {
  confirmMs: 650,
  backchannels: [
    'uh-huh',
    'uh huh',
    'mm-hmm',
    'mm hmm',
    'mhm',
    'hmm',
    'mm',
    'uh',
    'um',
    'ah',
    'oh',
    'yeah',
    'ok',
    'okay',
    'right',
    'i see',
  ],
};

export interface BargeInHooks {
  /** Whether there is anything to interrupt. */
  playing(): boolean;
  pause(): void;
  resume(): void;
  cancel(): void;
}

export class BargeIn {
  readonly #settings: BargeInSettings;
  readonly #hooks: BargeInHooks;
  #timer: NodeJS.Timeout | undefined;
  #paused = false;

  constructor(hooks: BargeInHooks, settings: BargeInSettings = BARGE_IN) {
    this.#hooks = hooks;
    this.#settings = settings;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** A voice began `agoMs` before now. */
  onset(agoMs: number): void {
    if (this.#paused || !this.#hooks.playing()) return;
    this.#paused = true;
    this.#hooks.pause();
    this.#timer = setTimeout(() => this.#confirm(), Math.max(0, this.#settings.confirmMs - agoMs));
  }

  /** The voice ended before it was an interruption. */
  offset(): void {
    if (!this.#paused) return;
    this.#settle();
    this.#hooks.resume();
  }

  /** Words, not final yet. */
  words(text: string): void {
    if (this.#hooks.playing() && !this.isBackchannel(text)) this.#confirm();
  }

  /** Whether these words leave the turn with the agent. */
  isBackchannel(text: string): boolean {
    const plain = text
      .toLowerCase()
      .replace(/[.,!?…]/g, '')
      .replace(/\s+/g, ' ')
      .trim();
    return plain === '' || this.#settings.backchannels.includes(plain);
  }

  close(): void {
    this.#settle();
  }

  #confirm(): void {
    this.#settle();
    this.#hooks.cancel();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#paused = false;
  }
}
