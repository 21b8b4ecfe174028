/**
 * A live call without a media worker: ACS is asked to open its sockets again, at growing intervals, until a worker
 * attaches or the call is over. A socket that breaks has no documented event (facts about ACS), so the owner of the
 * call does not wait for one.
 */

/** ms after the loss at which ACS is asked: soon, then less and less often. */
export const RESTART_AFTER_MS: readonly number[] = [0, 1_000, 3_000, 7_000, 15_000, 30_000];
/** After that this often, as long as the call lives, ms. */
export const THEN_EVERY_MS = 30_000;

export interface MediaWatchHooks {
  /** Ask ACS for the call's streams. */
  restart(): void;
  /** Come back to `step`, through the actor. */
  wake(): void;
  now(): number;
}

export class MediaWatch {
  readonly #hooks: MediaWatchHooks;
  #lostAtMs: number | undefined;
  #sinceMs: number | undefined;
  #asked = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(hooks: MediaWatchHooks) {
    this.#hooks = hooks;
  }

  /** Since when the call has no media worker; undefined while it has one. */
  get lostAtMs(): number | undefined {
    return this.#lostAtMs;
  }

  /** Since when the caller has heard nobody, as far as it is known; undefined while somebody is there. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** For how long the caller has heard nobody, ms. */
  get gapMs(): number {
    return this.#sinceMs === undefined ? 0 : Math.max(0, this.#hooks.now() - this.#sinceMs);
  }

  /**
   * The media worker is gone. `graceMs`: the call's own end may be on its way.
   * @param sinceMs when it was gone, where that is known to be earlier than now
   */
  lost(graceMs: number, sinceMs = this.#hooks.now()): void {
    if (this.#lostAtMs !== undefined) return;
    this.#sinceMs = sinceMs;
    this.#lostAtMs = this.#hooks.now() + graceMs;
    this.#asked = 0;
    if (graceMs > 0) this.#wakeAfter(graceMs);
  }

  /** A worker attached, or the call is over. */
  settled(): void {
    this.#lostAtMs = undefined;
    this.#sinceMs = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Asks when it is time to. */
  step(): void {
    if (this.#lostAtMs === undefined) return;
    const since = this.#hooks.now() - this.#lostAtMs;
    const due = dueAfter(this.#asked);
    if (since < due) {
      this.#wakeAfter(due - since);
      return;
    }
    this.#asked += 1;
    this.#hooks.restart();
    this.#wakeAfter(Math.max(100, dueAfter(this.#asked) - since));
  }

  #wakeAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#hooks.wake(), ms).unref();
  }
}

function dueAfter(asked: number): number {
  const last = RESTART_AFTER_MS.length - 1;
  return (RESTART_AFTER_MS[Math.min(asked, last)] ?? 0) + Math.max(0, asked - last) * THEN_EVERY_MS;
}
