import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRedisConfig, redisSettings } from '../../../src/config-redis.js';
import { Component } from '../../../src/stores/keys.js';
import { RedisFailure, type RedisManager } from '../../../src/stores/redis/index.js';
import { type SentinelSetup, startSentinel, until } from '../../support/redis-servers.js';
import { contract, managerFor } from './suite.js';

let setup: SentinelSetup;
let redis: RedisManager;

beforeAll(async () => {
  setup = await startSentinel(3);
  // As a worker reads it.
  const settings = readRedisConfig({
    REDIS_HOST: '127.0.0.1',
    REDIS_MODE: 'sentinel',
    REDIS_SENTINELS: setup.sentinels.map(({ host, port }) => `${host}:${port}`).join(','),
    REDIS_SENTINEL_NAME: setup.name,
    REDIS_DEADLINE_MS: '2000',
  });
  redis = managerFor(redisSettings(settings));
  await redis.start();
});
afterAll(async () => {
  await redis.close();
  await setup.stop();
});

contract('behind sentinel', () => redis);

test('a failover while writes run: each is answered or fails, and they resume on the new master', async () => {
  const key = redis.keyManager.callKey('failover', Component.METRICS);
  const states: string[] = [];
  const stop = redis.onStateChange((state) => states.push(state));
  let acknowledged = 0;
  const kinds = new Map<string, number>();
  const write = async (): Promise<boolean> => {
    try {
      await redis.withClient('incr', (client) => client.incr(key), { key });
      acknowledged += 1;
      return true;
    } catch (error) {
      if (!(error instanceof RedisFailure)) throw error;
      kinds.set(error.kind, (kinds.get(error.kind) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      return false;
    }
  };
  // A busy machine may cost a write its deadline: what counts is what was acknowledged.
  while (acknowledged < 50) await write();
  await until('the replica to have them', async () => Number(await setup.replica.cli('get', key)) >= 50);
  await setup.master.kill();
  await until('writes to resume', write, 50_000);
  while (acknowledged < 101) await write();
  stop();
  expect(acknowledged).toBeGreaterThanOrEqual(101);
  expect(await setup.replica.cli('role')).toMatch(/^master/);
  // Asynchronous replication may lose the last acknowledged writes of the dead master, never gain any.
  const unknown = kinds.get('unknown') ?? 0;
  const value = Number(await setup.replica.cli('get', key));
  expect(value).toBeGreaterThanOrEqual(50);
  expect(value).toBeLessThanOrEqual(acknowledged + unknown);
  expect(states).toContain('down');
  expect(states.at(-1)).toBe('up');
  expect(redis.state).toBe('up');
});

test('a planned failover: the demoted master is left', async () => {
  await setup.master.start();
  await until('the old master to follow', async () =>
    (await setup.master.cli('info', 'replication')).includes('master_link_status:up'),
  );
  const sentinel = setup.sentinels[0];
  if (sentinel === undefined) throw new Error('no sentinel');
  await until('sentinel to agree', async () => {
    const reply = await sentinel.cli('sentinel', 'failover', setup.name);
    return reply === 'OK';
  });
  await until('the old master to lead', async () => (await setup.master.cli('role')).startsWith('master'));
  const leads = performance.now();
  const key = redis.keyManager.callKey('planned', Component.SUMMARY);
  await until('writes to reach it', async () => {
    await redis.set(key, 'here', { ttl: 60 }).catch(() => false);
    return (await setup.master.cli('get', key)) === 'here';
  });
  expect(performance.now() - leads).toBeLessThan(5000);
  expect(await redis.get(key)).toBe('here');
});
