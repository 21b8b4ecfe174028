/**
 * Since when this process has been in touch with Redis, on the monotonic clock (ms of `performance.now()`).
 * Contact breaks with an operation that got no answer or was refused for the server's own condition, and with
 * a silence longer than `maxGapMs`, which also catches this process having been stopped itself.
 */
export class Contact {
  #last: number | undefined;
  #since: number | undefined;

  constructor(
    readonly maxGapMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** A successful reply came. */
  made(): void {
    const now = this.now();
    if (this.#since === undefined || this.#last === undefined || now - this.#last > this.maxGapMs) {
      this.#since = now;
    }
    this.#last = now;
  }

  /** An answer that was due did not come, or the server was not itself. */
  broken(): void {
    this.#since = undefined;
  }

  /** When the last successful reply came; undefined before the first. */
  lastContact(): number | undefined {
    return this.#last;
  }

  /** Start of the unbroken contact that lasts until now; undefined when it is broken at this moment. */
  unbrokenSince(): number | undefined {
    if (this.#since === undefined || this.#last === undefined) return undefined;
    return this.now() - this.#last > this.maxGapMs ? undefined : this.#since;
  }
}
