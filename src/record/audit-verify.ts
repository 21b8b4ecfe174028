import { readHead, readPointer, recordsOf } from './audit-days.js';
import {
  type AuditHead,
  type AuditRecord,
  type DayAnchor,
  dayAfter,
  hashOf,
  isHeadGenuine,
  parseRecord,
  recordId,
} from './audit-record.js';
import { type RecordContainer, RecordError } from './record-port.js';

export type AuditFinding =
  /** The record's content does not fit its hash, or its hash the record after it. */
  | { readonly kind: 'changed'; readonly day: string; readonly n: number }
  | { readonly kind: 'missing'; readonly day: string; readonly n: number }
  /** A record lies under another one's id. */
  | { readonly kind: 'reordered'; readonly day: string; readonly n: number }
  /** Records at the end of the day are gone. */
  | { readonly kind: 'truncated'; readonly day: string; readonly expected: number; readonly found: number }
  /** Records behind the head: written by somebody without the key. */
  | { readonly kind: 'appended'; readonly day: string; readonly n: number }
  | { readonly kind: 'head_missing'; readonly day: string }
  | { readonly kind: 'head_forged'; readonly day: string }
  | { readonly kind: 'day_missing'; readonly day: string }
  /** The next day says other things of this day than its records do. */
  | { readonly kind: 'anchor_differs'; readonly day: string };

export interface AuditReport {
  readonly ok: boolean;
  readonly days: number;
  readonly records: number;
  /** At most `MAX_FINDINGS`. */
  readonly findings: readonly AuditFinding[];
}

const MAX_FINDINGS = 1000;

interface DayResult {
  readonly day: string;
  readonly count: number;
  readonly hash: string;
  readonly anchor?: DayAnchor;
}

/**
 * Recomputes the chain of all days from `from` to `to` (YYYY-MM-DD, UTC, both included). A day removed at the end
 * of the range is found when `to` is the day the log was last written to, or later.
 * @throws RecordError when the log cannot be read: that is no finding
 */
export async function verifyAudit(
  container: RecordContainer,
  key: Buffer,
  from: string,
  to: string,
): Promise<AuditReport> {
  if (!isDay(from) || !isDay(to)) throw new RecordError('a day must be YYYY-MM-DD', 'range_invalid');
  const findings: AuditFinding[] = [];
  const results = new Map<string, DayResult>();
  let records = 0;
  for (let day = from; day <= to; day = dayAfter(day)) {
    const result = await verifyDay(container, key, day, findings);
    if (result === undefined) continue;
    records += result.count;
    results.set(day, result);
  }
  // The day after the range may hold the anchor to its last day.
  const after = await firstRecord(container, dayAfter(to));
  for (const anchor of [...[...results.values()].map((result) => result.anchor), after?.anchor]) {
    if (anchor !== undefined && anchor.day <= to)
      await checkAnchor(container, anchor, from, results, findings);
  }
  const pointer = await readPointer(container);
  if (pointer !== undefined && pointer >= from && pointer <= to && !results.has(pointer)) {
    add(findings, { kind: 'day_missing', day: pointer });
  }
  return { ok: findings.length === 0, days: results.size, records, findings };
}

async function verifyDay(
  container: RecordContainer,
  key: Buffer,
  day: string,
  findings: AuditFinding[],
): Promise<DayResult | undefined> {
  // The head first: what is written meanwhile comes behind it and is left for the next time.
  const head = (await readHead(container, day))?.head;
  const toN = head === undefined ? Number.MAX_SAFE_INTEGER : head.count;
  let n = 0;
  let hash = '';
  let anchor: DayAnchor | undefined;
  for await (const item of recordsOf(container, day, 1, toN)) {
    const record = parseRecord(item);
    const place = typeof item.n === 'number' ? item.n : n + 1;
    for (n++; n < place; n++) {
      add(findings, { kind: 'missing', day, n });
      hash = '';
    }
    n = place;
    if (record === undefined) add(findings, { kind: 'changed', day, n });
    else {
      if (n === 1) anchor = record.anchor;
      const kind = faultOf(record, day, hash);
      if (kind !== undefined) add(findings, { kind, day, n });
    }
    hash = record?.hash ?? '';
  }
  if (n === 0 && head === undefined) return undefined;
  checkHead(key, day, head, { count: n, hash }, findings);
  if (head !== undefined) await checkBehind(container, day, head, findings);
  return { day, count: n, hash, ...(anchor === undefined ? {} : { anchor }) };
}

/** @param previous hash of the record before; empty where that one is missing */
function faultOf(record: AuditRecord, day: string, previous: string): 'changed' | 'reordered' | undefined {
  if (record.id !== recordId(day, record.n) || record.day !== day) return 'reordered';
  if (hashOf(record) !== record.hash) return 'changed';
  const expected = record.n === 1 ? (record.anchor?.hash ?? '') : previous;
  return record.prevHash === expected || (record.n > 1 && previous === '') ? undefined : 'changed';
}

function checkHead(
  key: Buffer,
  day: string,
  head: AuditHead | undefined,
  end: { readonly count: number; readonly hash: string },
  findings: AuditFinding[],
): void {
  if (head === undefined) add(findings, { kind: 'head_missing', day });
  else if (head.day !== day || !isHeadGenuine(key, head)) add(findings, { kind: 'head_forged', day });
  else if (head.count > end.count) {
    add(findings, { kind: 'truncated', day, expected: head.count, found: end.count });
  } else if (head.hash !== end.hash) add(findings, { kind: 'changed', day, n: end.count });
}

/** Records behind the head, unless the head has moved on meanwhile. */
async function checkBehind(
  container: RecordContainer,
  day: string,
  head: AuditHead,
  findings: AuditFinding[],
): Promise<void> {
  for await (const record of recordsOf(container, day, head.count + 1, head.count + 1)) {
    const now = (await readHead(container, day))?.head;
    if (now === undefined || now.count <= head.count) {
      add(findings, { kind: 'appended', day, n: typeof record.n === 'number' ? record.n : head.count + 1 });
    }
  }
}

async function checkAnchor(
  container: RecordContainer,
  anchor: DayAnchor,
  from: string,
  results: ReadonlyMap<string, DayResult>,
  findings: AuditFinding[],
): Promise<void> {
  const result = results.get(anchor.day);
  if (result !== undefined) {
    if (result.count !== anchor.count || result.hash !== anchor.hash) {
      add(findings, { kind: 'anchor_differs', day: anchor.day });
    }
    return;
  }
  // A day before the range: its head says enough.
  const head = anchor.day < from ? (await readHead(container, anchor.day))?.head : undefined;
  if (head === undefined) add(findings, { kind: 'day_missing', day: anchor.day });
  else if (head.count !== anchor.count || head.hash !== anchor.hash) {
    add(findings, { kind: 'anchor_differs', day: anchor.day });
  }
}

async function firstRecord(container: RecordContainer, day: string): Promise<AuditRecord | undefined> {
  for await (const item of recordsOf(container, day, 1, 1)) return parseRecord(item);
  return undefined;
}

function add(findings: AuditFinding[], finding: AuditFinding): void {
  if (findings.length < MAX_FINDINGS) findings.push(finding);
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00.000Z`));
}
