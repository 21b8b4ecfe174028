/** Keeps the clock of src/call/expectations.ts for one call, and asks ACS outside of the actor's turn. */
import { expect, type Missing, type Patience, type Watched } from '../call/expectations.js';

export interface WatchHooks {
  now(): number;
  /** Come back to `look`, through the actor. */
  wake(): void;
  /** Ask ACS for the call's properties; what it says comes back as a fact. */
  ask(missing: Missing): void;
  readonly patience: Patience;
}

export class CallWatch {
  readonly #hooks: WatchHooks;
  #asked = { count: 0, atMs: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(hooks: WatchHooks) {
    this.#hooks = hooks;
  }

  /** Something that was missing came, or the call is another one by now: count anew. */
  came(): void {
    this.#asked = { count: 0, atMs: 0 };
  }

  /** To be called when anything about the call changed, and when woken. */
  look(call: Omit<Watched, 'asked'>): void {
    const now = this.#hooks.now();
    const { missing, lookAgainAtMs } = expect({ ...call, asked: this.#asked }, now, this.#hooks.patience);
    if (missing) {
      this.#asked = { count: this.#asked.count + 1, atMs: now };
      this.#hooks.ask(missing);
    }
    this.stop();
    if (lookAgainAtMs === undefined) return;
    this.#timer = setTimeout(() => this.#hooks.wake(), Math.max(20, lookAgainAtMs - now + 5)).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
