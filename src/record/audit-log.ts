import { randomUUID } from 'node:crypto';
import type { AuditLogOptions, AuditOutcome, Waiting } from './audit-batch.js';
import { AuditChain } from './audit-chain.js';
import type { AuditEvent } from './audit-record.js';
import { type Clock, systemClock } from './clock.js';
import { backoffMs } from './pace.js';
import { RecordError } from './record-port.js';

/** Records of one batch: the service takes 100 operations, one of them is the head. */
const BATCH = 99;

/**
 * The append-only audit log. Any number of workers append to one chain a day (audit-chain.ts). Here events wait for
 * their batch, in order and within a bound, and are answered once they are written, or never can be.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  #queue: Waiting[] = [];
  readonly #chain: AuditChain;
  #running: Promise<void> | undefined;
  #cancelGather: (() => void) | undefined;
  #cancelPause: (() => void) | undefined;
  #stopped = false;

  constructor(options: AuditLogOptions) {
    if (options.key.length < 32) throw new RecordError('the audit key must have 32 bytes', 'key_too_short');
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#chain = new AuditChain(options, {
      waits: (waiting) => this.#queue.includes(waiting),
      take: (batch, outcomeOf) => this.#take(batch, outcomeOf),
    });
  }

  /** Resolves when the record is written. Never rejects. */
  append(event: AuditEvent): Promise<AuditOutcome> {
    if (this.#stopped) return Promise.resolve({ ok: false, code: 'stopped' });
    if (this.#queue.length >= (this.#options.maxWaiting ?? 20_000)) {
      return Promise.resolve({ ok: false, code: 'full' });
    }
    return new Promise((settle) => {
      this.#queue.push({ event: { ...event, eventId: randomUUID() }, settle });
      this.#gather();
    });
  }

  /** Events that are not written yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Takes nothing more and writes what waits. What is not written within the deadline (ms) is answered `stopped`.
   * @returns number of events not written
   */
  async stop(deadlineMs = 5000): Promise<number> {
    this.#stopped = true;
    this.#cancelGather?.();
    this.#cancelGather = undefined;
    if (this.#queue.length > 0) this.#run();
    let cancel: (() => void) | undefined;
    const deadline = new Promise<void>((resolve) => {
      cancel = this.#clock.after(deadlineMs, resolve);
    });
    await Promise.race([this.#running ?? Promise.resolve(), deadline]);
    cancel?.();
    const left = this.#queue.splice(0);
    this.#cancelPause?.();
    for (const { settle } of left) settle({ ok: false, code: 'stopped' });
    return left.length;
  }

  #gather(): void {
    if (this.#running !== undefined || this.#cancelGather !== undefined) return;
    this.#cancelGather = this.#clock.after(this.#options.gatherMs ?? 5, () => {
      this.#cancelGather = undefined;
      this.#run();
    });
  }

  #run(): void {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0 && !this.#stopped) this.#gather();
    });
  }

  async #drain(): Promise<void> {
    let attempt = 0;
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH);
      const outcome = await this.#chain.write(batch);
      if (outcome.kind === 'done') {
        attempt = 0;
        continue;
      }
      if (outcome.kind === 'refused') {
        // One of them can never be written; alone it is found and given back.
        if (batch.length === 1) this.#take(batch, () => ({ ok: false, code: 'refused' }));
        else await this.#oneByOne(batch);
        continue;
      }
      attempt++;
      // A lost race is no reason to slow down for long: the other writer is done.
      const limits = outcome.kind === 'conflict' ? { baseMs: 4, maxMs: 60 } : { baseMs: 50, maxMs: 3000 };
      const retryAfterMs = outcome.kind === 'throttled' ? (outcome.retryAfterMs ?? 0) : 0;
      await this.#pause(backoffMs(attempt, this.#random(), retryAfterMs, limits));
    }
  }

  async #oneByOne(batch: readonly Waiting[]): Promise<void> {
    for (const waiting of batch) {
      if (!this.#queue.includes(waiting)) continue;
      const outcome = await this.#chain.write([waiting]);
      if (outcome.kind === 'refused') this.#take([waiting], () => ({ ok: false, code: 'refused' }));
      else if (outcome.kind !== 'done') return;
    }
  }

  #take(batch: readonly Waiting[], outcomeOf: (waiting: Waiting) => AuditOutcome): void {
    const taken = new Set(batch);
    this.#queue = this.#queue.filter((waiting) => !taken.has(waiting));
    for (const waiting of batch) waiting.settle(outcomeOf(waiting));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
