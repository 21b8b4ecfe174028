/** The worker's Redis: settings from the environment, metrics and log attached. */
import type { Config } from '../config.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import { RedisKeyManager } from '../stores/keys.js';
import { RedisManager } from '../stores/redis/manager.js';

export function createRedis(config: Config, metrics: Metrics, log: Logger): RedisManager {
  const keys = new RedisKeyManager({
    environment: config.ENVIRONMENT,
    ttlMultiplier: config.TTL_MULTIPLIER,
    hashTags: config.REDIS_HASH_TAGS,
  });
  return new RedisManager({
    keys,
    redis: {
      mode: config.REDIS_MODE,
      host: config.REDIS_HOST,
      port: config.REDIS_PORT,
      tls: config.REDIS_SSL,
      deadlineMs: config.REDIS_DEADLINE_MS,
      connectionName: config.WORKER_ID,
      ...(config.REDIS_USERNAME ? { username: config.REDIS_USERNAME } : {}),
      ...(config.REDIS_PASSWORD ? { password: config.REDIS_PASSWORD } : {}),
    },
    metrics: {
      operation: (operation, ms, outcome) => metrics.redisOperation.record(ms, { operation, outcome }),
      keyCreated: (type) => metrics.keysCreated.add(1, { type }),
      poolUtilisation: (ratio) => metrics.poolUtilisation.record(ratio),
      stateChange: (state) => log.warn({ state }, 'redis'),
    },
    logger: log,
  });
}
