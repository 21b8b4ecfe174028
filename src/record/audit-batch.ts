import {
  type AuditEvent,
  type AuditHead,
  type AuditRecord,
  chainRecord,
  type DayAnchor,
} from './audit-record.js';
import type { Clock } from './clock.js';
import type { RecordContainer, RecordItem } from './record-port.js';

export interface AuditLogOptions {
  readonly container: RecordContainer;
  /** Key of the heads' HMAC, 32 bytes; the same on all workers. */
  readonly key: Buffer;
  /** Wall clock, ms since the epoch. */
  readonly wallClock?: () => number;
  readonly clock?: Clock;
  readonly random?: () => number;
  /** Time that events are gathered for, ms. Default 5. */
  readonly gatherMs?: number;
  /** Most events that wait. Default 20000. */
  readonly maxWaiting?: number;
  /** Told after each write, so that a log elsewhere can hold heads that the store cannot take back. */
  readonly onHead?: (day: string, count: number, hash: string) => void;
  /** Told when a head was forged or went back: nothing is written until it is put right. */
  readonly onTampered?: (day: string, what: 'head_forged' | 'head_went_back') => void;
}

export type AuditOutcome =
  | { readonly ok: true; readonly day: string; readonly n: number }
  | { readonly ok: false; readonly code: 'full' | 'stopped' | 'refused' };

/** An event that is not written yet. */
export interface Waiting {
  readonly event: AuditEvent & { readonly eventId: string };
  readonly settle: (outcome: AuditOutcome) => void;
}

/** The records of a batch behind the end of a chain. */
export function chainBatch(
  batch: readonly Waiting[],
  day: string,
  count: number,
  hash: string,
  anchor?: DayAnchor,
): AuditRecord[] {
  let prevHash = hash;
  return batch.map(({ event }, index) => {
    const isFirst = index === 0 && anchor !== undefined;
    const record = chainRecord(event, {
      day,
      n: count + index + 1,
      prevHash,
      ...(isFirst ? { anchor } : {}),
    });
    prevHash = record.hash;
    return record;
  });
}

export function itemOf(value: AuditRecord | AuditHead): RecordItem {
  return value as unknown as RecordItem;
}
