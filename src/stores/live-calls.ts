/** The live-call index and the workers' affinity sets: what must not be forgotten, and who has what. */
import type { Affinity, LiveIndex } from '../actors/ports.js';
import { JournalFailure } from '../actors/ports.js';
import type { SweepIndex } from '../worker/live-sweep.js';
import { Component, type RedisKeyManager } from './keys.js';
import { RedisFailure } from './redis/failure.js';
import type { RedisManager } from './redis/manager.js';

/** Affinity outlives the evidence of its worker's death, s. */
const AFFINITY_TTL_S = 3_600;

async function mapped<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (!(thrown instanceof RedisFailure)) throw thrown;
    throw new JournalFailure(thrown.kind, thrown.code);
  }
}

/** For people: the calls that live now. */
export interface LiveList {
  /** Ids, the latest sign of life last. */
  newest(limit: number): Promise<string[]>;
}

/** `rtvoice:{env}:system:calls:live`, a sorted set by time of the last sign of life. */
export function createLiveIndex(
  redis: RedisManager,
  keys: RedisKeyManager,
): LiveIndex & SweepIndex & LiveList {
  const key = keys.systemKey('calls', 'live');
  return {
    add: (callId) =>
      mapped(async () => {
        await redis.withClient('live_add', (client) => client.zadd(key, Date.now(), callId), {
          correlationId: callId,
        });
      }),
    remove: (callId) =>
      mapped(async () => {
        await redis.withClient('live_remove', (client) => client.zrem(key, callId), {
          correlationId: callId,
        });
      }),
    newest: (limit) =>
      mapped(() =>
        redis.withClient('live_newest', (client) => client.zrange(key, String(-limit), '-1'), {
          key,
          safe: true,
        }),
      ),
    olderThan: (atMs, limit) =>
      mapped(() =>
        redis.withClient('live_older', (client) =>
          client.zrangebyscore(key, '-inf', atMs, 'LIMIT', 0, limit),
        ),
      ),
  };
}

/** `rtvoice:{env}:worker:{id}:affinity`, a set of call connection ids. */
export function createAffinity(redis: RedisManager, keys: RedisKeyManager) {
  const key = (workerId: string): string => keys.workerKey(workerId, Component.AFFINITY);
  return {
    add: (workerId: string, callId: string): Promise<void> =>
      mapped(async () => {
        await redis.batch(
          [
            ['sadd', key(workerId), callId],
            ['expire', key(workerId), AFFINITY_TTL_S],
          ],
          { correlationId: callId },
        );
      }),
    members: (workerId: string): Promise<readonly string[]> =>
      mapped(() => redis.withClient('affinity_read', (client) => client.smembers(key(workerId)))),
    release: (workerId: string, callId: string): Promise<void> =>
      mapped(async () => {
        await redis.withClient('affinity_remove', (client) => client.srem(key(workerId), callId), {
          correlationId: callId,
        });
      }),
  } satisfies Affinity & {
    add(workerId: string, callId: string): Promise<void>;
    members(workerId: string): Promise<readonly string[]>;
  };
}
