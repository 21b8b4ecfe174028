/**
 * The caller speaks while the agent does, or is about to. Two steps: at the onset of a voice the agent falls silent;
 * when it turns out to be an interruption (enough voice, or words) the reply is cancelled; when it was a noise or a
 * backchannel ("uh-huh") the agent goes on where it stopped. Pure but for the timer and clock it is given.
 */
import type { VoiceSpan } from './vad/speech-state.js';

export interface BargeInSettings {
  /** false: what the agent says is heard to its end, the caller's words are answered after it. */
  readonly enabled: boolean;
  /** So much voice is an interruption, ms from its onset. */
  readonly confirmMs: number;
  /** So much of it must stand out clearly, ms: a crowd murmurs on, a caller is above it. */
  readonly clearMs: number;
  /** A voice that comes back within this time adds to what was heard before, ms … */
  readonly memoryMs: number;
  /** … and this share of confirmMs is enough: who says "uh-huh" says it once. */
  readonly againPart: number;
  /** The agent is silent no longer than this for something that is not confirmed, ms. */
  readonly longestPauseMs: number;
  /** Words that only say "I am listening", lower case. */
  readonly backchannels: readonly string[];
}

export const BARGE_IN: BargeInSettings = {
  enabled: true,
  confirmMs: 550,
  clearMs: 200,
  memoryMs: 1_500,
  againPart: 0.75,
  longestPauseMs: 650,
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
  /** Whether there is anything to interrupt: a reply that is being made or heard. */
  busy(): boolean;
  pause(): void;
  resume(): void;
  cancel(): void;
  /** Monotonic, ms. */
  now(): number;
}

const NOTHING: VoiceSpan = { voicedMs: 0, clearMs: 0 };

export class BargeIn {
  readonly #settings: BargeInSettings;
  readonly #hooks: BargeInHooks;
  #timer: NodeJS.Timeout | undefined;
  #paused = false;
  /** The current voice came while there was something to interrupt. */
  #counts = false;
  /** What of the current voice was heard before the reply began. */
  #before = NOTHING;
  /** Earlier voices that count with the current one, until `#keptUntil`. */
  #kept = NOTHING;
  #keptUntil = 0;
  /** The recogniser took the current voice for a backchannel. */
  #aside = false;

  constructor(hooks: BargeInHooks, settings: BargeInSettings = BARGE_IN) {
    this.#hooks = hooks;
    this.#settings = settings;
  }

  get enabled(): boolean {
    return this.#settings.enabled;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** A voice begins; or a reply does, while one goes on. @param before what was heard of it until now */
  onset(before: VoiceSpan = NOTHING): void {
    if (!this.#settings.enabled || this.#paused || !this.#hooks.busy()) return;
    this.#counts = true;
    this.#before = before;
    this.#aside = false;
    if (this.#hooks.now() > this.#keptUntil) this.#kept = NOTHING;
    this.#paused = true;
    this.#hooks.pause();
    this.#timer = setTimeout(() => this.#goOn(), this.#settings.longestPauseMs);
  }

  /** The voice goes on. */
  voice(span: VoiceSpan): void {
    if (!this.#counts || this.#aside || !this.#hooks.busy()) return;
    const { confirmMs, clearMs, againPart } = this.#settings;
    const heard = sum(this.#kept, this.#since(span));
    const enough = this.#kept.voicedMs > 0 ? confirmMs * againPart : confirmMs;
    if (heard.voicedMs >= enough && heard.clearMs >= clearMs) this.#confirm();
  }

  /** The voice ended before it was an interruption. */
  offset(span: VoiceSpan = NOTHING): void {
    if (!this.#counts) return;
    this.#counts = false;
    this.#kept = sum(this.#kept, this.#since(span));
    this.#keptUntil = this.#hooks.now() + this.#settings.memoryMs;
    this.#goOn();
  }

  /** Words, not final yet. */
  words(text: string): void {
    if (!this.#settings.enabled || !this.#hooks.busy()) return;
    if (this.isBackchannel(text)) this.#aside = true;
    else this.#confirm();
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

  /** The reply is over, or nobody listens any more. */
  reset(): void {
    this.#settle();
    this.#counts = false;
  }

  #since(span: VoiceSpan): VoiceSpan {
    return {
      voicedMs: Math.max(0, span.voicedMs - this.#before.voicedMs),
      clearMs: Math.max(0, span.clearMs - this.#before.clearMs),
    };
  }

  #goOn(): void {
    if (!this.#paused) return;
    this.#settle();
    this.#hooks.resume();
  }

  #confirm(): void {
    this.#settle();
    this.#counts = false;
    this.#kept = NOTHING;
    this.#hooks.cancel();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#paused = false;
  }
}

const sum = (a: VoiceSpan, b: VoiceSpan): VoiceSpan => ({
  voicedMs: a.voicedMs + b.voicedMs,
  clearMs: a.clearMs + b.clearMs,
});
