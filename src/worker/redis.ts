/** The worker's Redis: settings from the environment, metrics and log attached. */
import type { Config } from '../config.js';
import { redisSettings } from '../config-redis.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import { RedisKeyManager } from '../stores/keys.js';
import { RedisManager } from '../stores/redis/manager.js';
import type { RedisGauges } from './redis-gauges.js';

export function createRedis(
  config: Config,
  metrics: Metrics,
  gauges: RedisGauges,
  log: Logger,
): RedisManager {
  const keys = new RedisKeyManager({
    environment: config.ENVIRONMENT,
    ttlMultiplier: config.TTL_MULTIPLIER,
    hashTags: config.REDIS_HASH_TAGS,
  });
  return new RedisManager({
    keys,
    redis: { ...redisSettings(config), connectionName: config.WORKER_ID },
    metrics: {
      operation: (operation, ms, outcome) => {
        metrics.redisOperation.record(ms, { operation, outcome });
        gauges.operation(outcome);
      },
      keyCreated: (type) => metrics.keysCreated.add(1, { type }),
      poolUtilisation: (ratio) => gauges.utilisation(ratio),
      credentialRefresh: (outcome) => metrics.redisTokens.add(1, { outcome }),
      stateChange: (state) => log.warn({ state }, 'redis'),
    },
    logger: log,
  });
}
