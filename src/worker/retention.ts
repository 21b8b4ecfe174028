/** The TTL audit of a worker: one reminder for all workers, repairs on, owners of unarchived calls woken. */
import type { ActorClient } from '../actors/client.js';
import { ActorHost } from '../actors/host.js';
import {
  hostRetentionActors,
  RETENTION_ACTOR,
  RetentionInstance,
  RetentionRuns,
  retentionMethods,
  startRetention,
} from '../actors/retention-actor.js';
import { wakeCall } from '../actors/wake.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import { auditTtls } from '../ops/ttl-audit.js';
import type { RedisManager } from '../stores/redis/manager.js';

const REGISTER_AGAIN_MS = 5_000;

export interface Retention {
  start(): void;
  stop(): Promise<void>;
}

export function createRetention(parts: {
  readonly redis: RedisManager;
  readonly actors: ActorClient;
  readonly metrics: Metrics;
  readonly log: Logger;
}): Retention {
  const { redis, actors, metrics, log } = parts;
  const runs = new RetentionRuns({
    auditTtls: async (signal) => {
      const report = await auditTtls({
        redis,
        repair: true,
        wake: (callId) => wakeCall(actors, callId),
        signal,
      });
      for (const [kind, count] of Object.entries(report.offenders))
        metrics.ttlOffenders.record(count, { kind });
      const share = await redis.memoryShare();
      if (share !== undefined) metrics.redisMemory.record(share);
      log.info(
        { scanned: report.scanned, offenders: report.offenders, repaired: report.repaired },
        'TTL audit',
      );
    },
    failed: (cause) => log.warn({ code: 'RTV_REDIS_UNAVAILABLE', error: messageOf(cause) }, 'no TTL audit'),
  });
  hostRetentionActors(
    new ActorHost(RETENTION_ACTOR, (id) => new RetentionInstance(id, runs), retentionMethods, log),
  );
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const register = async (): Promise<void> => {
    if (stopped || (await startRetention(actors))) return;
    timer = setTimeout(() => void register(), REGISTER_AGAIN_MS).unref();
  };
  return {
    start: () => void register(),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await runs.stop();
    },
  };
}
