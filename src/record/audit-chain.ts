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
  type AuditHead,
  type AuditRecord,
  type DayAnchor,
  dayAfter,
  dayOf,
  isHeadGenuine,
  sealHead,
} from './audit-record.js';
import { type BatchRecords, RecordError } from './record-port.js';

/** The events that wait, as the chain sees them. */
export interface WaitingEvents {
  waits(waiting: Waiting): boolean;
  /** They are done: answered, and out of the queue. */
  take(batch: readonly Waiting[], outcomeOf: (waiting: Waiting) => AuditOutcome): void;
}

/**
 * The end of the chain, where batches are written: records and the day's head in one batch under the head's ETag. Who
 * loses the race reads the new end. A head that is forged or went back ends all writing.
 */
export class AuditChain {
  readonly #options: AuditLogOptions;
  readonly #events: WaitingEvents;
  #tail: FoundHead | undefined;
  /** End of the chain before a write whose answer was lost: what lies behind it may be ours. */
  #doubt: { readonly day: string; readonly count: number } | undefined;
  /** Furthest end that was seen. */
  #seen: { readonly day: string; readonly count: number } | undefined;

  constructor(options: AuditLogOptions, events: WaitingEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Writes a batch behind the end of the chain. Never throws; what it was is remembered for the next try. */
  async write(batch: readonly Waiting[]): Promise<BatchRecords> {
    let outcome: BatchRecords;
    try {
      outcome = await this.#write(batch);
    } catch (error) {
      outcome = { kind: 'unknown', code: error instanceof RecordError ? error.code : 'threw' };
    }
    if (outcome.kind === 'done') {
      this.#doubt = undefined;
      return outcome;
    }
    if (outcome.kind === 'unknown')
      this.#doubt ??= { day: this.#seen?.day ?? '', count: this.#seen?.count ?? 0 };
    this.#tail = undefined;
    return outcome;
  }

  async #write(batch: readonly Waiting[]): Promise<BatchRecords> {
    const tail = this.#tail ?? (await this.#end());
    if (tail !== undefined && (await this.#alreadyWritten(batch, tail.head))) return { kind: 'done' };
    // Answered `stopped` and given back meanwhile: what was refused must not be written after all.
    if (batch[0] !== undefined && !this.#events.waits(batch[0])) return { kind: 'done' };
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
    this.#events.take(batch, ({ event }) => ({
      ok: true,
      day: head.day,
      n: places.get(event.eventId)?.n ?? 0,
    }));
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
      this.#events.take([waiting], () => ({ ok: true, day: head.day, n }));
      found++;
    }
    return found > 0;
  }

  #now(): number {
    return this.#options.wallClock?.() ?? Date.now();
  }
}
