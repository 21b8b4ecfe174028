import { createHash, type Hash } from 'node:crypto';
import type { Outcome } from './metrics.js';

/** One operation, as the audit trail keeps it: ids and figures, no values. */
export interface AuditRecord {
  readonly sequence: number;
  readonly operation: string;
  readonly key: string | undefined;
  readonly outcome: Outcome;
  readonly ms: number;
  readonly correlationId: string | undefined;
  /** Wall clock, ms since 1970. */
  readonly at: number;
}

/** What happened since the digest before, provable by its chained hash. */
export interface AuditDigest {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly from: number;
  readonly to: number;
  readonly operations: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly byOperation: Readonly<Record<string, number>>;
  /** `sha256` of the digest before this one, empty for the first. */
  readonly previous: string;
  /** SHA-256, hex, over `previous` and each record's line in order. */
  readonly sha256: string;
}

/** Longest part of a key or correlation id that is kept, in UTF-16 units. */
const MAX_TEXT = 256;
/** Operation names counted one by one; further ones count as `other`. */
const MAX_NAMES = 200;

/** The line of a record that the digest hashes. */
export function auditLine(record: AuditRecord): string {
  const { sequence, at, operation, key, outcome, ms, correlationId } = record;
  return `${JSON.stringify([sequence, at, operation, key ?? null, outcome, ms, correlationId ?? null])}\n`;
}

/** The last operations in a ring of fixed size, and a running digest over all of them. */
export class AuditTrail {
  readonly #ring: AuditRecord[] = [];
  #next = 0;
  #sequence = 0;
  #previous = '';
  #hash: Hash = createHash('sha256');
  #outcomes: Record<Outcome, number> = emptyOutcomes();
  #byOperation = new Map<string, number>();
  #first: AuditRecord | undefined;
  #last: AuditRecord | undefined;

  constructor(readonly capacity = 4096) {}

  /** Records an operation; returns the record for the log. */
  record(
    operation: string,
    key: string | undefined,
    outcome: Outcome,
    ms: number,
    correlationId: string | undefined,
  ): AuditRecord {
    const record: AuditRecord = {
      sequence: ++this.#sequence,
      operation,
      key: key?.slice(0, MAX_TEXT),
      outcome,
      ms: Math.round(ms * 1000) / 1000,
      correlationId: correlationId?.slice(0, MAX_TEXT),
      at: Date.now(),
    };
    this.#ring[this.#next] = record;
    this.#next = (this.#next + 1) % this.capacity;
    this.#hash.update(auditLine(record));
    this.#outcomes[outcome] += 1;
    this.#count(operation);
    this.#first ??= record;
    this.#last = record;
    return record;
  }

  /** The records still in the ring, oldest first. */
  recent(): AuditRecord[] {
    if (this.#ring.length < this.capacity) return [...this.#ring];
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  /** Ends the running digest and starts the next on its hash; undefined when nothing happened. */
  takeDigest(): AuditDigest | undefined {
    const first = this.#first;
    const last = this.#last;
    if (first === undefined || last === undefined) return undefined;
    const digest: AuditDigest = {
      firstSequence: first.sequence,
      lastSequence: last.sequence,
      from: first.at,
      to: last.at,
      operations: last.sequence - first.sequence + 1,
      outcomes: this.#outcomes,
      byOperation: Object.fromEntries(this.#byOperation),
      previous: this.#previous,
      sha256: this.#hash.digest('hex'),
    };
    this.#previous = digest.sha256;
    this.#hash = createHash('sha256').update(digest.sha256);
    this.#outcomes = emptyOutcomes();
    this.#byOperation = new Map();
    this.#first = undefined;
    this.#last = undefined;
    return digest;
  }

  #count(operation: string): void {
    const name = this.#byOperation.has(operation) || this.#byOperation.size < MAX_NAMES ? operation : 'other';
    this.#byOperation.set(name, (this.#byOperation.get(name) ?? 0) + 1);
  }
}

function emptyOutcomes(): Record<Outcome, number> {
  return { ok: 0, refused: 0, unknown: 0, unavailable: 0 };
}
