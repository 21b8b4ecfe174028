import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { localSeal } from '../../../src/privacy/seal.js';
import { RedisKeyManager } from '../../../src/stores/keys.js';
import { RedisManager } from '../../../src/stores/redis/index.js';
import type { RedisServer } from '../../support/redis-servers.js';

export const seal = localSeal(randomBytes(32));

export const newId = (): string => randomUUID();

/** A started manager on a server; the deadline is wide, for a busy machine. */
export async function openRedis(
  server: Pick<RedisServer, 'port'>,
  options: { environment?: 'test' | 'prod'; ttlMultiplier?: number; deadlineMs?: number } = {},
): Promise<RedisManager> {
  const { environment = 'test', ttlMultiplier = 1, deadlineMs = 4000 } = options;
  const redis = new RedisManager({
    redis: { mode: 'plain', port: server.port, deadlineMs, stallMs: 8000 },
    keys: new RedisKeyManager({ environment, ttlMultiplier }),
  });
  if (!(await redis.start({ waitMs: 20_000 }))) throw new Error('redis did not come up');
  return redis;
}

/** Fields of the session that the Python system wrote, as they stand in the real sample. */
export function legacySample(): { corememory: string; chat_history: string } {
  return JSON.parse(readFileSync(new URL('./legacy-session.json', import.meta.url), 'utf8')) as {
    corememory: string;
    chat_history: string;
  };
}
