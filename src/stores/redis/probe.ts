import type { RedisLink } from './connect.js';
import type { Guard } from './guard.js';

const TICK_MS = 250;

/**
 * Keeps contact known: a PING when nothing was heard for a while, and the only traffic while the breaker is
 * open. A connection that does not answer is closed by its own stall time, so PINGs do not pile up.
 */
export class Prober {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(
    private readonly guard: Guard,
    private readonly link: RedisLink,
    private readonly probeMs: number,
  ) {}

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#running;
  }

  /** Probes without waiting for the next tick, as after a reconnection. */
  nudge(): void {
    if (this.#timer !== undefined) this.#probe();
  }

  #tick(): void {
    this.guard.metrics.poolUtilisation(this.guard.takePeak());
    const heard = this.guard.contact.lastContact();
    const silent = heard === undefined || performance.now() - heard >= this.probeMs;
    if (silent || !this.guard.open) this.#probe();
  }

  #probe(): void {
    if (!this.link.ready()) return;
    this.#running ??= this.guard
      .probe(() => this.#pingAll())
      // Its outcome is in the breaker, the contact and the audit trail already.
      .catch(() => {})
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** One answer shows that Redis is there; one node of a cluster that is silent still breaks contact. */
  async #pingAll(): Promise<void> {
    const targets = this.link.cluster ? this.link.nodes() : this.link.connections();
    const pings = targets.map((redis) => redis.ping());
    if (this.link.cluster) {
      Promise.all(pings).catch(() => this.guard.contact.broken());
    }
    try {
      await Promise.any(pings);
    } catch (error) {
      throw error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
    }
  }
}
