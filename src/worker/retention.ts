/**
 * The TTL audit of a worker: one reminder for all workers, repairs on, owners of unarchived calls woken, each report
 * kept. Beside it the gauges of Redis.
 */
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
import { auditTtls } from '../ops/ttl-audit.js';
import { RetentionReports } from '../record/retention-reports.js';
import type { Cosmos } from '../stores/cosmos/client.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';
import type { RedisManager } from '../stores/redis/manager.js';
import type { RedisGauges } from './redis-gauges.js';

const REGISTER_AGAIN_MS = 5_000;
/** Reports are kept for two yearly reviews. */
const REPORT_TTL_S = 2 * 366 * 86_400;

export interface Retention {
  start(): void;
  stop(): Promise<void>;
}

export function createRetention(parts: {
  readonly redis: RedisManager;
  readonly actors: ActorClient;
  readonly gauges: RedisGauges;
  readonly cosmos: Cosmos;
  readonly log: Logger;
}): Retention {
  const { redis, actors, gauges, log } = parts;
  const reports = new RetentionReports(new CosmosRecords(parts.cosmos, 'metrics'), REPORT_TTL_S);
  const runs = new RetentionRuns({
    auditTtls: async (signal) => {
      const report = await auditTtls({
        redis,
        repair: true,
        wake: (callId) => wakeCall(actors, callId),
        signal,
      });
      gauges.audited(report);
      log.info(
        { scanned: report.scanned, offenders: report.offenders, repaired: report.repaired },
        'TTL audit',
      );
      // Last, and on its own: the audit is done, whether or not Cosmos takes its report.
      await reports.record(report).catch((cause: unknown) => {
        log.warn({ code: 'RTV_COSMOS_UNAVAILABLE', error: messageOf(cause) }, 'TTL audit not recorded');
      });
    },
    failed: (cause) => log.warn({ code: 'RTV_REDIS_UNAVAILABLE', error: messageOf(cause) }, 'no TTL audit'),
  });
  hostRetentionActors(
    new ActorHost(RETENTION_ACTOR, (id) => new RetentionInstance(id, runs), retentionMethods, log),
  );
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let endGauges: (() => void) | undefined;
  const register = async (): Promise<void> => {
    if (stopped || (await startRetention(actors))) return;
    timer = setTimeout(() => void register(), REGISTER_AGAIN_MS).unref();
  };
  return {
    start() {
      void register();
      endGauges = gauges.start(() => redis.memoryShare());
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      endGauges?.();
      await runs.stop();
    },
  };
}
