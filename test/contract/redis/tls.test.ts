import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRedisConfig, redisSettings } from '../../../src/config-redis.js';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { startRedis } from '../../support/redis-servers.js';
import { contract, managerFor } from './suite.js';

let server: Awaited<ReturnType<typeof startRedis>>;
let redis: RedisManager;

beforeAll(async () => {
  server = await startRedis({ tls: true, args: ['--requirepass', 'tls-secret'] });
  // As a worker reads it.
  const settings = readRedisConfig({
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(server.port),
    REDIS_PASSWORD: 'tls-secret',
    REDIS_SSL: 'true',
    REDIS_CA_FILE: server.tls?.caFile,
    REDIS_DEADLINE_MS: '2000',
  });
  redis = managerFor(redisSettings(settings));
  await redis.start();
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

contract('TLS', () => redis);

test('the connections speak TLS 1.2 or later, and only to a server of the trusted CA', async () => {
  const clients = await redis.withClient('client_list', async (client) =>
    String(await client.client('LIST')),
  );
  expect(clients.split('\n').filter((line) => line.includes('name=rtvoice')).length).toBe(2);
  const stranger = managerFor({ mode: 'plain', port: server.port, password: 'tls-secret', tls: true });
  try {
    expect(await stranger.start({ waitMs: 1500 })).toBe(false);
    await expect(stranger.ping()).rejects.toMatchObject({ kind: 'unavailable' });
  } finally {
    await stranger.close();
  }
});

test('a server that speaks nothing newer than TLS 1.1 is not talked to', async () => {
  const old = await startRedis({
    tls: true,
    args: ['--tls-protocols', 'TLSv1.1', '--tls-ciphers', 'ALL:@SECLEVEL=0'],
  });
  const manager = managerFor({ mode: 'plain', port: old.port, tls: { ca: old.tls?.ca ?? '' } });
  try {
    expect(await manager.start({ waitMs: 1500 })).toBe(false);
  } finally {
    await manager.close();
    await old.stop();
  }
});
