/**
 * Finds out that this process was held back for so long that placement may have given its actors to others (facts
 * about Dapr: nobody tells it). Two signs: its own clock stood still, or health probes did not come. After a
 * standstill nothing that was waiting in the sockets is served before the sidecar has probed anew.
 */

/** Placement moves actors after two missed probes, the first of them up to 0.9 s long, ms. */
export const STANDSTILL_MS = 1_500;
export const PROBE_GAP_MS = 3_000;
const SETTLED_MS = 250;

export interface HealthGapOptions {
  /** Monotonic, ms. */
  now(): number;
  /** All instances must go. */
  dropAll(why: 'standstill' | 'probe_gap'): void;
  readonly standstillMs?: number;
  readonly probeGapMs?: number;
}

export class HealthGap {
  readonly #options: HealthGapOptions;
  readonly #standstillMs: number;
  readonly #probeGapMs: number;
  #beatAt: number;
  #probedAt: number | undefined;
  /** Set after a standstill: nothing is served until a probe that was sent after it. */
  #heldBackAt: number | undefined;

  constructor(options: HealthGapOptions) {
    this.#options = options;
    this.#standstillMs = options.standstillMs ?? STANDSTILL_MS;
    this.#probeGapMs = options.probeGapMs ?? PROBE_GAP_MS;
    this.#beatAt = options.now();
  }

  /** Beats several times a standstill's length. The timer keeps no process alive. */
  start(): () => void {
    const timer = setInterval(() => this.beat(), this.#standstillMs / 6).unref();
    return () => clearInterval(timer);
  }

  /**
   * A sign that the process runs. Also to be asked before each call is served: sockets may be read before timers run.
   * @returns whether calls may be served
   */
  beat(): boolean {
    const now = this.#options.now();
    const gap = now - this.#beatAt;
    this.#beatAt = now;
    if (gap > this.#standstillMs) {
      this.#heldBackAt = now;
      this.#options.dropAll('standstill');
    }
    return this.#heldBackAt === undefined;
  }

  /** The sidecar asked for our health. */
  probed(): void {
    this.beat();
    const now = this.#options.now();
    const gap = this.#probedAt === undefined ? 0 : now - this.#probedAt;
    this.#probedAt = now;
    if (gap > this.#probeGapMs) this.#options.dropAll('probe_gap');
    // Probes that waited in the sockets come at once.
    if (this.#heldBackAt !== undefined && now - this.#heldBackAt > SETTLED_MS) this.#heldBackAt = undefined;
  }
}
