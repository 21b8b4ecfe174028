/**
 * Capacity and use, once a minute from one worker of all: whoever takes the lease in Redis writes the snapshot. A lease
 * is not renewed and outlives nothing, so a worker that dies costs one minute.
 */
import type { Logger } from '../ops/log.js';
import { type SystemMetrics, snapshotOf } from '../record/system-metrics.js';
import type { RedisManager } from '../stores/redis/manager.js';

export interface SnapshotParts {
  readonly redis: RedisManager;
  readonly metrics: SystemMetrics;
  readonly workerId: string;
  readonly log: Logger;
  /** What this worker knows of itself; names get the prefix `worker_`. */
  own(): Readonly<Record<string, number>>;
  /** One snapshot in so long, over all workers, ms. */
  readonly periodMs?: number;
}

const PERIOD_MS = 60_000;

/** Starts; the returned function ends it. */
export function startSnapshots(parts: SnapshotParts): () => Promise<void> {
  const { redis, log } = parts;
  const periodMs = parts.periodMs ?? PERIOD_MS;
  const lease = redis.keyManager.systemKey('snapshot', 'lease');
  let running: Promise<void> | undefined;

  const snapshot = async (): Promise<void> => {
    // A lease lost in the answer costs one snapshot.
    const mine = await redis.set(lease, parts.workerId, { ttlMs: periodMs, ifAbsent: true });
    if (!mine) return;
    const own = Object.entries(parts.own()).map(([name, value]) => [`worker_${name}`, value]);
    const values = { ...(await redisValues(redis)), ...Object.fromEntries(own) };
    await parts.metrics.record(snapshotOf(new Date(), parts.workerId, values));
  };
  const tick = (): void => {
    running ??= snapshot()
      .catch((thrown: unknown) => {
        log.warn({ code: 'RTV_COSMOS_UNAVAILABLE', error: String(thrown) }, 'no snapshot of metrics');
      })
      .finally(() => {
        running = undefined;
      });
  };
  // More often than the lease lasts, or two periods would pass between two snapshots.
  const timer = setInterval(tick, periodMs / 10).unref();
  tick();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

async function redisValues(redis: RedisManager): Promise<Record<string, number>> {
  const live = redis.keyManager.systemKey('calls', 'live');
  const [servers, calls] = await Promise.all([
    Promise.all(['memory', 'clients', 'stats', 'keyspace'].map((section) => redis.info(section))),
    redis.withClient('live_count', (client) => client.zcard(live)),
  ]);
  const all = servers.flat();
  const sum = (field: string): number =>
    all.reduce((total, fields) => total + (Number(fields[field]) || 0), 0);
  return {
    redis_used_bytes: sum('used_memory'),
    redis_max_bytes: sum('maxmemory'),
    redis_connections: sum('connected_clients'),
    redis_operations_per_s: sum('instantaneous_ops_per_sec'),
    redis_evicted_keys: sum('evicted_keys'),
    redis_keys: all.reduce((total, fields) => total + keysOf(fields), 0),
    calls_live: calls,
  };
}

/** `db0:keys=12,expires=3,…` */
function keysOf(keyspace: Readonly<Record<string, string>>): number {
  return Object.entries(keyspace).reduce((total, [name, value]) => {
    const keys = /^db\d+$/.test(name) ? /keys=(\d+)/.exec(value)?.[1] : undefined;
    return total + Number(keys ?? 0);
  }, 0);
}
