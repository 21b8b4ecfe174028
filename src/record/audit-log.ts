import { randomUUID } from 'node:crypto';
import { type AuditLogOptions, type AuditOutcome, chainBatch, itemOf, type Waiting } from './audit-batch.js';
import {
  type FoundHead,
  lastDayBefore,
  movePointer,
  readHead,
  readPointer,
  recordsOf,
} from './audit-days.js';
import {
  type AuditEvent,
  type AuditHead,
  type AuditRecord,
  type DayAnchor,
  dayAfter,
  dayOf,
  isHeadGenuine,
  sealHead,
} from './audit-record.js';
import { type Clock, systemClock } from './clock.js';
import { backoffMs } from './pace.js';
import { type BatchRecords, RecordError } from './record-port.js';

/** Records of one batch: the service takes 100 operations, one of them is the head. */
const BATCH = 99;

/**
 * The append-only audit log. Any number of workers append to one chain a day: records and the day's head are
 * written in one batch under the head's ETag, so one of two writers loses, reads the new end and tries again.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  #queue: Waiting[] = [];
  #tail: FoundHead | undefined;
  /** End of the chain before a write whose answer was lost: what lies behind it may be ours. */
  #doubt: { readonly day: string; readonly count: number } | undefined;
  /** Furthest end that was seen. */
  #seen: { readonly day: string; readonly count: number } | undefined;
  #running: Promise<void> | undefined;
  #cancelGather: (() => void) | undefined;
  #cancelPause: (() => void) | undefined;
  #stopped = false;

  constructor(options: AuditLogOptions) {
    if (options.key.length < 32) throw new RecordError('the audit key must have 32 bytes', 'key_too_short');
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
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
      let outcome: BatchRecords;
      try {
        outcome = await this.#write(batch);
      } catch (error) {
        outcome = { kind: 'unknown', code: error instanceof RecordError ? error.code : 'threw' };
      }
      if (outcome.kind === 'done') {
        attempt = 0;
        this.#doubt = undefined;
        continue;
      }
      if (outcome.kind === 'unknown')
        this.#doubt ??= { day: this.#seen?.day ?? '', count: this.#seen?.count ?? 0 };
      this.#tail = undefined;
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
      const outcome = await this.#write([waiting]).catch(() => undefined);
      if (outcome?.kind === 'refused') this.#take([waiting], () => ({ ok: false, code: 'refused' }));
      else if (outcome?.kind !== 'done') return;
    }
  }

  /** Writes a batch behind the end of the chain. */
  async #write(batch: readonly Waiting[]): Promise<BatchRecords> {
    const tail = this.#tail ?? (await this.#end());
    if (tail !== undefined && (await this.#alreadyWritten(batch, tail.head))) return { kind: 'done' };
    // Answered `stopped` and given back meanwhile: what was refused must not be written after all.
    if (batch[0] !== undefined && !this.#queue.includes(batch[0])) return { kind: 'done' };
    const day = this.#dayFor(tail?.head);
    if (tail !== undefined && tail.head.day === day) return this.#extend(batch, tail);
    return this.#open(batch, day, tail);
  }

  /** Today's head, or that of the last day before. */
  async #end(): Promise<FoundHead | undefined> {
    const today = dayOf(this.#now());
    const pointer = await readPointer(this.#options.container);
    // A worker whose clock is behind writes to the day that others have begun.
    const latest = pointer !== undefined && pointer > today ? pointer : today;
    const { container } = this.#options;
    const found = (await readHead(container, latest)) ?? (await lastDayBefore(container, latest));
    if (found === undefined) return undefined;
    this.#trust(found.head);
    // A writer may have died between opening a day and moving the note.
    if (pointer === undefined || pointer < found.head.day) await movePointer(container, found.head.day);
    return found;
  }

  /** To write behind a head that is not genuine would make it so. @throws RecordError */
  #trust(head: AuditHead): void {
    const { key, onTampered } = this.#options;
    const seen = this.#seen;
    const wentBack =
      seen !== undefined && (head.day < seen.day || (head.day === seen.day && head.count < seen.count));
    const what = !isHeadGenuine(key, head) ? 'head_forged' : wentBack ? 'head_went_back' : undefined;
    if (what !== undefined) {
      onTampered?.(head.day, what);
      throw new RecordError('the audit log was tampered with', what);
    }
    this.#seen = { day: head.day, count: head.count };
  }

  #dayFor(head: AuditHead | undefined): string {
    const today = dayOf(this.#now());
    if (head === undefined) return today;
    const open = head.closed ? dayAfter(head.day) : head.day;
    return [today, open].sort().at(-1) ?? today;
  }

  async #extend(batch: readonly Waiting[], tail: FoundHead): Promise<BatchRecords> {
    const { day, count, hash } = tail.head;
    const records = chainBatch(batch, day, count, hash);
    const head = this.#headAfter(records, day);
    const outcome = await this.#options.container.batch(day, [
      ...records.map((record) => ({ kind: 'create' as const, item: itemOf(record) })),
      { kind: 'replace', item: itemOf(head), etag: tail.etag },
    ]);
    return this.#written(outcome, batch, records, head);
  }

  /** Closes the day before, for good, then begins this one with an anchor to it. */
  async #open(batch: readonly Waiting[], day: string, before: FoundHead | undefined): Promise<BatchRecords> {
    const { container, key } = this.#options;
    let anchor: DayAnchor | undefined;
    if (before !== undefined) {
      const { head } = before;
      if (!head.closed) {
        const closed = sealHead(key, { day: head.day, count: head.count, hash: head.hash, closed: true });
        const outcome = await container.replace(head.day, itemOf(closed), before.etag);
        if (outcome.kind === 'changed') return { kind: 'conflict' };
        if (outcome.kind !== 'replaced') return outcome;
      }
      anchor = { day: head.day, count: head.count, hash: head.hash };
    }
    const records = chainBatch(batch, day, 0, anchor?.hash ?? '', anchor);
    const head = this.#headAfter(records, day);
    const operations = [...records, head].map((item) => ({ kind: 'create' as const, item: itemOf(item) }));
    const outcome = await container.batch(day, operations);
    if (outcome.kind === 'done') await movePointer(container, day);
    return this.#written(outcome, batch, records, head);
  }

  #headAfter(records: readonly AuditRecord[], day: string): AuditHead {
    const last = records.at(-1);
    return sealHead(this.#options.key, { day, count: last?.n ?? 0, hash: last?.hash ?? '', closed: false });
  }

  async #written(
    outcome: BatchRecords,
    batch: readonly Waiting[],
    records: readonly AuditRecord[],
    head: AuditHead,
  ): Promise<BatchRecords> {
    if (outcome.kind !== 'done') return outcome;
    const places = new Map(records.map((record) => [record.eventId, record]));
    this.#take(batch, ({ event }) => ({ ok: true, day: head.day, n: places.get(event.eventId)?.n ?? 0 }));
    this.#options.onHead?.(head.day, head.count, head.hash);
    // The batch does not say the head's new ETag.
    const found = await readHead(this.#options.container, head.day).catch(() => undefined);
    this.#seen = { day: head.day, count: head.count };
    if (found !== undefined) this.#trust(found.head);
    this.#tail = found;
    return outcome;
  }

  /**
   * After a lost answer: looks for the batch behind the end that was known. True when any of it was found. The
   * doubt stays until a write is answered: the lost one may still arrive.
   */
  async #alreadyWritten(batch: readonly Waiting[], head: AuditHead): Promise<boolean> {
    if (this.#doubt === undefined) return false;
    const from = this.#doubt.day === head.day ? this.#doubt.count + 1 : 1;
    const ids = new Map(batch.map((waiting) => [waiting.event.eventId, waiting]));
    let found = 0;
    for await (const record of recordsOf(this.#options.container, head.day, from, head.count)) {
      const waiting = typeof record.eventId === 'string' ? ids.get(record.eventId) : undefined;
      if (waiting === undefined || typeof record.n !== 'number') continue;
      const { n } = record;
      this.#take([waiting], () => ({ ok: true, day: head.day, n }));
      found++;
    }
    return found > 0;
  }

  #take(batch: readonly Waiting[], outcomeOf: (waiting: Waiting) => AuditOutcome): void {
    const taken = new Set(batch);
    this.#queue = this.#queue.filter((waiting) => !taken.has(waiting));
    for (const waiting of batch) waiting.settle(outcomeOf(waiting));
  }

  #now(): number {
    return this.#options.wallClock?.() ?? Date.now();
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
