import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** What is recorded: who did what to which subject or call. No personal data, ids and hashes only. */
export interface AuditEvent {
  /** ISO 8601, when it happened. */
  readonly at: string;
  /** Who: a role or service name, an operator's id. */
  readonly actor: string;
  /** What, e.g. `transcript.read`, `subject.erased`, `config.changed`, `redis.digest`. */
  readonly action: string;
  readonly subjectHash?: string;
  readonly sessionId?: string;
  readonly correlationId: string;
  readonly detail: AuditDetail;
}

export type AuditDetail = Readonly<Record<string, string | number | boolean>>;

/** What a day's first record says of the day with records before it. */
export interface DayAnchor {
  readonly day: string;
  readonly count: number;
  readonly hash: string;
}

export interface AuditRecord extends AuditEvent {
  /** `${day}-${n, 9 digits}` */
  readonly id: string;
  readonly kind: 'record';
  /** UTC day of writing, YYYY-MM-DD. */
  readonly day: string;
  /** 1, 2, 3 … within the day. */
  readonly n: number;
  /** Tells an event from another one: what was written before a lost answer is found by it. */
  readonly eventId: string;
  /** `hash` of the record before; of a day's first record the anchor's, or empty for the very first. */
  readonly prevHash: string;
  /** First record of a day only. */
  readonly anchor?: DayAnchor;
  /** SHA-256 over all other fields but `id` and `kind`, hex. */
  readonly hash: string;
}

/**
 * Where a day's chain ends. Written together with the records; its HMAC needs a key that the store does not have,
 * so that nobody who can only write to the store can shorten or rewrite the chain.
 */
export interface AuditHead {
  /** `${day}-head` */
  readonly id: string;
  readonly kind: 'head';
  readonly day: string;
  readonly count: number;
  readonly hash: string;
  /** No record is added any more: the next day has begun. */
  readonly closed: boolean;
  readonly hmac: string;
}

/** The key of the heads, derived from the data key (RTVOICE_DATA_KEY, 32 bytes). */
export function auditKeyFrom(dataKey: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', dataKey, Buffer.alloc(0), 'rtvoice audit v1', 32));
}

export function recordId(day: string, n: number): string {
  return `${day}-${String(n).padStart(9, '0')}`;
}

export function headId(day: string): string {
  return `${day}-head`;
}

/** UTC day of a time in ms. */
export function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

export function dayAfter(day: string, days = 1): string {
  return dayOf(Date.parse(`${day}T00:00:00.000Z`) + days * 86_400_000);
}

/** Puts an event at a place of the chain. */
export function chainRecord(
  event: AuditEvent & { readonly eventId: string },
  place: { readonly day: string; readonly n: number; readonly prevHash: string; readonly anchor?: DayAnchor },
): AuditRecord {
  const bare = { ...event, ...place, id: recordId(place.day, place.n), kind: 'record' as const };
  return { ...bare, hash: hashOf(bare) };
}

/** The hash that a record must have. Fields in fixed order, details sorted by name: no two records look alike. */
export function hashOf(record: Omit<AuditRecord, 'hash'>): string {
  const { anchor } = record;
  const fields = [
    ...[record.day, record.n, record.prevHash, record.eventId, record.at, record.actor, record.action],
    ...[record.subjectHash ?? null, record.sessionId ?? null, record.correlationId],
    anchor === undefined ? null : [anchor.day, anchor.count, anchor.hash],
    Object.entries(record.detail).sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
  return createHash('sha256').update(JSON.stringify(fields)).digest('hex');
}

export function sealHead(
  key: Buffer,
  head: { readonly day: string; readonly count: number; readonly hash: string; readonly closed: boolean },
): AuditHead {
  return { ...head, id: headId(head.day), kind: 'head', hmac: hmacOf(key, head) };
}

export function isHeadGenuine(key: Buffer, head: AuditHead): boolean {
  const expected = Buffer.from(hmacOf(key, head), 'hex');
  const actual = Buffer.from(head.hmac, 'hex');
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

function hmacOf(
  key: Buffer,
  head: { readonly day: string; readonly count: number; readonly hash: string; readonly closed: boolean },
): string {
  const text = JSON.stringify(['audit-head', head.day, head.count, head.hash, head.closed]);
  return createHmac('sha256', key).update(text).digest('hex');
}

export function parseRecord(value: unknown): AuditRecord | undefined {
  const fields = value as Record<string, unknown> | null | undefined;
  const known =
    fields?.kind === 'record' &&
    typeof fields.n === 'number' &&
    typeof fields.hash === 'string' &&
    typeof fields.prevHash === 'string' &&
    typeof fields.detail === 'object' &&
    fields.detail !== null;
  return known ? (value as AuditRecord) : undefined;
}

export function parseHead(value: unknown): AuditHead | undefined {
  const fields = value as Record<string, unknown> | null | undefined;
  const known =
    fields?.kind === 'head' &&
    typeof fields.count === 'number' &&
    typeof fields.hash === 'string' &&
    typeof fields.closed === 'boolean' &&
    typeof fields.hmac === 'string';
  return known ? (value as AuditHead) : undefined;
}
