/**
 * The TTL audit: looks at every key of this app for one that would stay for ever or too long, that has a shape nobody
 * writes, and for calls that are in the live-call index alone or should be and are not. It never blocks the server:
 * SCAN in small pages, PTTL and TYPE in pipelines. Repair gives policy TTLs; what may hold turns that are archived
 * nowhere is never expired, its owner is woken (design §4 rule 10).
 */
import { RtvoiceError } from '../errors.js';
import { Component, DataType, escapeGlob } from '../stores/keys.js';
import { RedisFailure } from '../stores/redis/failure.js';
import type { BatchOperation, RedisManager } from '../stores/redis/index.js';
import { AuditTally, type TtlAuditMetrics, type TtlAuditReport } from './ttl-audit-report.js';
import { type KeyRule, ruleOf } from './ttl-audit-rules.js';
import { CAP_TTL, CAP_TTL_IF_ARCHIVED, DROP_ENTRY } from './ttl-audit-scripts.js';

/** woken: the owner has it. gone: no owner knows the call. failed: nobody could be asked. */
export type WakeOutcome = 'woken' | 'gone' | 'failed';

export interface TtlAuditOptions {
  readonly redis: RedisManager;
  readonly repair?: boolean;
  /** Calls `keep` of a call's actor. Without it nobody is woken, and nothing unarchived is touched either. */
  readonly wake?: (callId: string) => Promise<WakeOutcome>;
  readonly metrics?: Partial<TtlAuditMetrics>;
  /** Keeps the report, as a document or a log line. */
  readonly record?: (report: TtlAuditReport) => Promise<void>;
  /** Ends the audit early; the report then says that it is not complete. */
  readonly signal?: AbortSignal;
  /** Keys a page, 250 by default. */
  readonly pageSize?: number;
  /** An entry of the live-call index without a session is one once it is so old, ms; 60,000 by default. */
  readonly graceMs?: number;
  readonly now?: () => number;
  /** Deadline of one operation, ms; 2,000 by default: an audit is in no hurry. */
  readonly deadlineMs?: number;
}

/** Slack for a TTL that was renewed between two looks, ms. */
const SLACK_MS = 1_000;
const WAKES_AT_ONCE = 4;
/** Calls woken in one audit; the next one goes on. */
const MOST_WAKES = 10_000;

/** @throws RtvoiceError RTV_REDIS_UNAVAILABLE, RTV_REDIS_REFUSED */
export async function auditTtls(options: TtlAuditOptions): Promise<TtlAuditReport> {
  const audit = new TtlAudit(options);
  try {
    return await audit.run();
  } catch (cause) {
    if (!(cause instanceof RedisFailure)) throw cause;
    const code = cause.kind === 'refused' ? 'RTV_REDIS_REFUSED' : 'RTV_REDIS_UNAVAILABLE';
    throw new RtvoiceError(code, cause.operation, { cause });
  }
}

class TtlAudit {
  readonly #options: TtlAuditOptions;
  readonly #redis: RedisManager;
  readonly #tally: AuditTally;
  readonly #live: string;
  readonly #asked = new Map<string, WakeOutcome>();

  constructor(options: TtlAuditOptions) {
    this.#options = options;
    this.#redis = options.redis;
    const { keyManager } = options.redis;
    this.#tally = new AuditTally(keyManager.environment, options.repair ?? false, this.#now());
    this.#live = keyManager.systemKey('calls', 'live');
  }

  async run(): Promise<TtlAuditReport> {
    const { appPrefix, environment } = this.#redis.keyManager;
    const pattern = `${escapeGlob(`${appPrefix}:${environment}`)}:*`;
    const started = performance.now();
    let complete = true;
    for await (const page of this.#redis.scan(pattern, {
      count: this.#options.pageSize ?? 250,
      ...this.#each,
    })) {
      await this.#page(page);
      complete = !this.#options.signal?.aborted;
      if (!complete) break;
    }
    if (complete) await this.#index();
    const report = this.#tally.report(performance.now() - started, complete);
    this.#options.metrics?.finished?.(report);
    await this.#options.record?.(report);
    return report;
  }

  async #page(keys: readonly string[]): Promise<void> {
    const looks = keys.flatMap((key): BatchOperation[] => [
      ['pttl', key],
      ['type', key],
    ]);
    const found = await this.#batch(looks);
    const sessions: string[] = [];
    for (const [at, key] of keys.entries()) {
      const left = Number(found[2 * at]);
      const type = String(found[2 * at + 1]);
      this.#tally.scanned += 1;
      // Gone since the scan.
      if (left === -2 || type === 'none') continue;
      const rule = ruleOf(this.#redis.keyManager, key);
      if (!rule || (rule.type && rule.type !== type)) {
        this.#tally.found('unknown_shape', key);
        continue;
      }
      const parts = this.#redis.keyManager.parse(key);
      if (parts?.dataType === DataType.CALL && parts.component === Component.SESSION) {
        sessions.push(parts.identifier);
      }
      const { maxSeconds } = rule;
      if (maxSeconds === 'owned') continue;
      if (left === -1) this.#tally.found('no_ttl', key);
      else if (left > maxSeconds * 1000 + SLACK_MS) this.#tally.found('ttl_above_policy', key);
      else continue;
      if (this.#options.repair) await this.#repair(key, rule, maxSeconds);
    }
    if (sessions.length > 0) await this.#sessions(sessions);
  }

  /** Sessions of live calls that the live-call index does not have. */
  async #sessions(callIds: readonly string[]): Promise<void> {
    const keyOf = (callId: string): string => this.#redis.keyManager.callKey(callId, Component.SESSION);
    // The index is read first: a call leaves it only after its session says that it ended.
    const scores = await this.#batch(callIds.map((callId) => ['zscore', this.#live, callId]));
    const missing = callIds.filter((_, at) => scores[at] === null);
    const data = await this.#batch(missing.map((callId) => ['hget', keyOf(callId), 'd']));
    for (const [at, callId] of missing.entries()) {
      if (!isLiveCall(data[at])) continue;
      this.#tally.found('orphan_session', keyOf(callId));
      if (!this.#options.repair) continue;
      // In the index any worker finds it, should nobody be reached now.
      await this.#redis.withClient('live_adopt', (client) => client.zadd(this.#live, 'NX', 0, callId), {
        key: this.#live,
        safe: true,
        ...this.#each,
      });
      await this.#wake([callId]);
    }
  }

  /** Entries of the live-call index whose session is gone. */
  async #index(): Promise<void> {
    const oldest = this.#now() - (this.#options.graceMs ?? 60_000);
    let cursor = '0';
    do {
      const from = cursor;
      const [next, flat] = await this.#redis.withClient(
        'live_scan',
        (client) => client.zscan(this.#live, from, 'COUNT', 200),
        { key: this.#live, safe: true, ...this.#each },
      );
      cursor = next;
      const silent: [callId: string, score: string][] = [];
      for (let at = 0; at + 1 < flat.length; at += 2) {
        const [callId = '', score = ''] = flat.slice(at, at + 2);
        if (Number(score) < oldest) silent.push([callId, score]);
      }
      const sessions = silent.map(([callId]) => this.#redis.keyManager.callKey(callId, Component.SESSION));
      const there = await this.#batch(sessions.map((key) => ['exists', key]));
      const lost = silent.filter((_, at) => there[at] === 0);
      for (const [callId, score] of lost) {
        this.#tally.found('orphan_index', `${this.#live}#${callId}`);
        if (this.#options.repair) await this.#adopt(callId, score);
      }
    } while (cursor !== '0' && !this.#options.signal?.aborted);
  }

  /** Wakes the owner of a call without session; an entry that nobody knows goes. */
  async #adopt(callId: string, score: string): Promise<void> {
    await this.#wake([callId]);
    if (this.#asked.get(callId) !== 'gone') return;
    const dropped = await this.#redis.script(DROP_ENTRY, [this.#live], [callId, score], this.#each);
    if (dropped === 1) this.#tally.repaired += 1;
  }

  async #repair(key: string, rule: KeyRule, maxSeconds: number): Promise<void> {
    const { keyManager } = this.#redis;
    if (rule.callId === undefined) {
      if ((await this.#redis.script(CAP_TTL, [key], [maxSeconds], this.#each)) === 'capped')
        this.#tally.repaired += 1;
      return;
    }
    const of = [
      keyManager.callKey(rule.callId, Component.SESSION),
      keyManager.callKey(rule.callId, Component.SUMMARY),
      keyManager.conversationKey(rule.callId, Component.HISTORY),
    ];
    const answer = await this.#redis.script(CAP_TTL_IF_ARCHIVED, [key, ...of], [maxSeconds], this.#each);
    if (answer === 'capped') this.#tally.repaired += 1;
    if (answer === 'unarchived') await this.#wake([rule.callId]);
  }

  async #wake(callIds: readonly string[]): Promise<void> {
    const { wake } = this.#options;
    if (!wake || this.#asked.size >= MOST_WAKES) return;
    const waiting = callIds.filter((callId) => !this.#asked.has(callId));
    for (let at = 0; at < waiting.length; at += WAKES_AT_ONCE) {
      await Promise.all(
        waiting.slice(at, at + WAKES_AT_ONCE).map(async (callId) => {
          const outcome = await wake(callId).catch((): WakeOutcome => 'failed');
          this.#asked.set(callId, outcome);
          if (outcome === 'woken') this.#tally.woken += 1;
        }),
      );
    }
  }

  /** Values in order; throws the first failure. */
  async #batch(operations: readonly BatchOperation[]): Promise<unknown[]> {
    if (operations.length === 0) return [];
    const replies = await this.#redis.batch(operations, this.#each);
    return replies.map((reply) => {
      if (!reply.ok) throw reply.failure;
      return reply.value;
    });
  }

  get #each(): { deadlineMs: number } {
    return { deadlineMs: this.#options.deadlineMs ?? 2_000 };
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }
}

/** A call that has not ended; a session that no call made belongs to its user alone. */
function isLiveCall(data: unknown): boolean {
  if (typeof data !== 'string') return false;
  try {
    const { state, by } = JSON.parse(data) as { state?: { phase?: unknown }; by?: unknown };
    return typeof state?.phase === 'string' && state.phase !== 'ended' && by !== 'library';
  } catch {
    return true;
  }
}
