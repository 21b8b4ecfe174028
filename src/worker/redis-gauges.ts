/**
 * What is watched of Redis beside its single operations: how full it is, how many operations fail, how busy the
 * connections are, what the last TTL audit found. A figure that is not known any more is left out, not repeated.
 */
import { FailedShare } from '../ops/failed-share.js';
import type { Metrics } from '../ops/metrics.js';
import type { TtlAuditReport } from '../ops/ttl-audit-report.js';
import type { Outcome } from '../stores/redis/metrics.js';

/** How often the memory of Redis is asked for, ms. */
const MEMORY_EVERY_MS = 15_000;
/** The actor that audits may run on another worker next time: what was found here is old then, ms. */
const AUDIT_HOLDS_MS = 15 * 60_000;

export interface RedisGauges {
  operation(outcome: Outcome): void;
  utilisation(ratio: number): void;
  audited(report: TtlAuditReport): void;
  /** Begins to ask for the memory of Redis. The returned function ends that. */
  start(memoryShare: () => Promise<number | undefined>): () => void;
}

export function createRedisGauges(
  metrics: Metrics,
  now: () => number = () => performance.now(),
): RedisGauges {
  const failed = new FailedShare(now);
  let peak = 0;
  let memory: { readonly share: number; readonly atMs: number } | undefined;
  let audit: { readonly report: TtlAuditReport; readonly atMs: number } | undefined;

  metrics.redisFailedShare.addCallback((result) => {
    if (failed.share !== undefined) result.observe(failed.share);
  });
  // The highest since the last look: a peak between two scrapes shows.
  metrics.poolUtilisation.addCallback((result) => {
    result.observe(peak);
    peak = 0;
  });
  metrics.redisMemory.addCallback((result) => {
    if (memory && now() - memory.atMs < 3 * MEMORY_EVERY_MS) result.observe(memory.share);
  });
  metrics.ttlOffenders.addCallback((result) => {
    if (!audit || now() - audit.atMs > AUDIT_HOLDS_MS) return;
    for (const [kind, count] of Object.entries(audit.report.offenders)) result.observe(count, { kind });
  });

  return {
    operation: (outcome) => failed.record(outcome !== 'ok'),
    utilisation(ratio) {
      peak = Math.max(peak, ratio);
    },
    audited(report) {
      audit = { report, atMs: now() };
    },
    start(memoryShare) {
      const look = (): void => {
        memoryShare().then(
          (share) => {
            memory = share === undefined ? undefined : { share, atMs: now() };
          },
          // Redis is away, which other figures say: the last one grows old.
          () => undefined,
        );
      };
      const timer = setInterval(look, MEMORY_EVERY_MS).unref();
      look();
      return () => clearInterval(timer);
    },
  };
}
