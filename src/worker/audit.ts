/**
 * The audit log of a worker: security events (a flood at a door becomes counts), data access, the configuration at
 * start (names and a keyed hash, no values), Redis operations in digest form, erasures. Ids and hashes only.
 */
import { createHmac, randomUUID } from 'node:crypto';
import type { SecurityEvent } from '../http/authenticate.js';
import type { Logger } from '../ops/log.js';
import type { AuditOutcome } from '../record/audit-batch.js';
import { AuditLog } from '../record/audit-log.js';
import { type AuditDetail, type AuditEvent, auditKeyFrom } from '../record/audit-record.js';
import type { RecordContainer } from '../record/record-port.js';
import type { AuditDigest } from '../stores/redis/audit.js';

/** What is recorded; time, actor and correlation id are filled in where they are left out. */
export interface Told {
  readonly action: string;
  readonly actor?: string;
  readonly subjectHash?: string;
  readonly sessionId?: string;
  readonly correlationId?: string;
  readonly detail?: AuditDetail;
}

export interface Audit {
  /** Written in the background; a failure is logged. */
  tell(event: Told): void;
  /** Waits until it is written, at most `withinMs`. False: whatever depends on it must not happen. */
  record(event: Told, withinMs?: number): Promise<boolean>;
  security(event: SecurityEvent): void;
  /** Names of settings that are set, and a hash that shows a change of any value. */
  configured(settings: Readonly<Record<string, unknown>>): void;
  /** Ends the timers, records what is gathered, writes what waits. */
  stop(): Promise<void>;
}

export interface AuditParts {
  readonly container: RecordContainer;
  /** RTVOICE_DATA_KEY. */
  readonly dataKey: Buffer;
  readonly workerId: string;
  readonly log: Logger;
  takeDigest?(): AuditDigest | undefined;
  /** Records that could not be written. */
  lost?(count: number): void;
  /** Time between two digests, ms. */
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;
const RECORD_WITHIN_MS = 3_000;
const STOP_WITHIN_MS = 3_000;
/** Kinds of refusal counted apart within one period; a fixed set, but a bound all the same. */
const MOST_KINDS = 200;

export function createAudit(parts: AuditParts): Audit {
  const { log, workerId } = parts;
  const key = auditKeyFrom(parts.dataKey);
  let head: { day: string; count: number; hash: string } | undefined;
  const chain = new AuditLog({
    container: parts.container,
    key,
    onHead: (day, count, hash) => {
      head = { day, count, hash };
    },
    onTampered: (day, what) =>
      log.error({ code: 'RTV_AUDIT_TAMPERED', day, what }, 'the audit log was tampered with'),
  });
  /** Refusals of one kind in this period, beyond the first. */
  const refused = new Map<string, { event: SecurityEvent; more: number }>();

  const append = (told: Told): Promise<AuditOutcome> => {
    const { action, subjectHash, sessionId } = told;
    const event: AuditEvent = {
      at: new Date().toISOString(),
      actor: told.actor ?? workerId,
      action,
      ...(subjectHash === undefined ? {} : { subjectHash }),
      ...(sessionId === undefined ? {} : { sessionId }),
      correlationId: told.correlationId ?? randomUUID(),
      detail: told.detail ?? {},
    };
    return chain.append(event);
  };
  const tell = (told: Told): void => {
    void append(told).then((outcome) => {
      if (outcome.ok) return;
      parts.lost?.(1);
      log.error(
        { code: 'RTV_AUDIT_UNAVAILABLE', action: told.action, why: outcome.code },
        'audit record lost',
      );
    });
  };

  const countRefusals = (): void => {
    for (const { event, more } of refused.values()) {
      if (more === 0) continue;
      tell({ action: 'security.refused_more', detail: { code: event.code, door: event.door, count: more } });
    }
    refused.clear();
  };
  const digest = (): void => {
    const taken = parts.takeDigest?.();
    if (!taken) return;
    const { operations, outcomes, from, to, firstSequence, lastSequence, previous, sha256 } = taken;
    tell({
      action: 'redis.digest',
      detail: {
        ...{ operations, firstSequence, lastSequence, previous, sha256 },
        ...{ from: new Date(from).toISOString(), to: new Date(to).toISOString() },
        ...{
          ok: outcomes.ok,
          refused: outcomes.refused,
          unknown: outcomes.unknown,
          unavailable: outcomes.unavailable,
        },
        byOperation: JSON.stringify(taken.byOperation),
      },
    });
  };
  const tick = (): void => {
    countRefusals();
    digest();
    // The heads in the log of the process: what the store cannot take back.
    if (head) log.info({ ...head }, 'audit head');
  };
  const timer = setInterval(tick, parts.everyMs ?? EVERY_MS).unref();

  return {
    tell,
    async record(told, withinMs = RECORD_WITHIN_MS) {
      let late: NodeJS.Timeout | undefined;
      const deadline = new Promise<false>((resolve) => {
        late = setTimeout(() => resolve(false), withinMs);
      });
      const written = append(told).then((outcome) => outcome.ok);
      const done = await Promise.race([written, deadline]);
      clearTimeout(late);
      return done;
    },
    security(event) {
      const kind = `${event.code} ${event.door}`;
      const seen = refused.get(kind);
      if (seen) {
        seen.more += 1;
        return;
      }
      if (refused.size >= MOST_KINDS) return;
      refused.set(kind, { event, more: 0 });
      tell({
        action: 'security.refused',
        ...(event.correlationId === undefined ? {} : { correlationId: event.correlationId }),
        detail: { code: event.code, door: event.door },
      });
    },
    configured(settings) {
      const set = Object.entries(settings)
        .filter(([, value]) => value !== undefined && value !== '')
        .sort(([a], [b]) => (a < b ? -1 : 1));
      // Keyed: a hash of a port or a flag would give the value away to whoever tries them all.
      const hash = createHmac('sha256', key)
        .update(JSON.stringify(['configuration', set]))
        .digest('hex');
      tell({
        action: 'config.started',
        detail: { settings: set.map(([name]) => name).join(' '), count: set.length, hmac: hash },
      });
    },
    async stop() {
      clearInterval(timer);
      countRefusals();
      digest();
      const lost = await chain.stop(STOP_WITHIN_MS);
      if (lost > 0) log.error({ code: 'RTV_AUDIT_UNAVAILABLE', lost }, 'audit records not written');
    },
  };
}
