/**
 * A media worker's right to speak (design §4 rule 8): a lease on the monotonic clock, renewed by each heartbeat that
 * Redis acknowledged, shorter than the time after which others take the worker for dead. Without it the worker is
 * silent, whatever it believes.
 */

export interface LeaseOptions {
  /** Life of the heartbeat in Redis, ms: others may take the worker for dead this long after it was written. */
  readonly lapseMs: number;
  /** The lease ends so much earlier, ms: clocks drift, frames that were sent are still being played. */
  readonly marginMs?: number;
  /** Monotonic, ms. */
  now?(): number;
}

const MARGIN_MS = 500;

export class VoiceLease {
  readonly #ms: number;
  readonly #now: () => number;
  #until = Number.NEGATIVE_INFINITY;

  /** @throws RangeError when nothing is left of the lapse */
  constructor(options: LeaseOptions) {
    this.#ms = options.lapseMs - (options.marginMs ?? MARGIN_MS);
    if (!(this.#ms > 0))
      throw new RangeError('the lease must be shorter than the lapse, and longer than nothing');
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * A heartbeat was acknowledged. @param askedAt when it was sent (monotonic, ms): the lapse may count from that
   * moment on, so the lease does too
   */
  renewed(askedAt: number): void {
    this.#until = Math.max(this.#until, askedAt + this.#ms);
  }

  /** To be asked before each batch of frames. */
  maySpeak(): boolean {
    return this.#now() < this.#until;
  }

  /** ms that are left; 0 when it has ended. */
  get leftMs(): number {
    return Math.max(0, this.#until - this.#now());
  }

  /** Given up, as when draining or when another worker was seen with the name. */
  end(): void {
    this.#until = Number.NEGATIVE_INFINITY;
  }
}
