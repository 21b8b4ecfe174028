/** Used tokens of two workers over one Redis: first use counts, whichever worker saw it, and for as long as the token lives. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digest } from '../../src/acs/auth/seen-tokens.js';
import type { RedisManager } from '../../src/stores/redis/index.js';
import { SharedSeenTokens } from '../../src/stores/seen-tokens.js';
import { type RedisServer, startRedis, until } from '../support/redis-servers.js';
import { managerFor } from './redis/suite.js';

let server: RedisServer;
let redis: RedisManager;
let alone = 0;
let one: SharedSeenTokens;
let other: SharedSeenTokens;
let tokens = 0;

beforeAll(async () => {
  server = await startRedis();
  redis = managerFor({ mode: 'plain', port: server.port });
  await redis.start();
  const worker = () =>
    new SharedSeenTokens(redis, redis.keyManager, () => {
      alone += 1;
    });
  one = worker();
  other = worker();
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

const inFiveMinutes = (): number => Date.now() + 300_000;
const token = (): string => {
  tokens += 1;
  return `token-${tokens}`;
};

describe('a token', () => {
  test('that comes again for the same thing is a redelivery, at any worker', async () => {
    const given = token();
    expect(await one.use(given, 'a', inFiveMinutes())).toBe('new');
    expect(await one.use(given, 'a', inFiveMinutes())).toBe('same');
    // What another worker saw first for the same thing is as good as new here.
    expect(await other.use(given, 'a', inFiveMinutes())).toBe('new');
  });

  test('that comes for another thing is refused at every worker, however often it is tried', async () => {
    const given = token();
    expect(await one.use(given, 'a', inFiveMinutes())).toBe('new');
    expect(await one.use(given, 'b', inFiveMinutes())).toBe('other');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await other.use(given, 'b', inFiveMinutes())).toBe('other');
    }
    expect(await other.use(given, 'a', inFiveMinutes())).toBe('same');
  });

  test('that comes many times at once for another thing is refused each time', async () => {
    const given = token();
    expect(await one.use(given, 'a', inFiveMinutes())).toBe('new');
    const uses = await Promise.all(Array.from({ length: 8 }, () => other.use(given, 'b', inFiveMinutes())));
    expect(uses).toEqual(uses.map(() => 'other'));
  });

  test('is remembered as long as it lives, hashes only', async () => {
    const given = token();
    await one.use(given, 'a body', Date.now() + 100_000);
    const key = redis.keyManager.cacheKey('token', digest(given));
    expect(await server.cli('get', key)).toBe(digest('a body'));
    const lifeMs = Number(await server.cli('pttl', key));
    expect(lifeMs).toBeGreaterThan(60_000);
    expect(lifeMs).toBeLessThanOrEqual(100_000);
  });
});

describe('while Redis does not answer', () => {
  test('each worker knows its own uses, and learns of the others when the answer comes', async () => {
    const given = token();
    expect(await one.use(given, 'a', inFiveMinutes())).toBe('new');
    server.signal('SIGSTOP');
    expect(await other.use(given, 'b', inFiveMinutes())).toBe('new');
    expect(alone).toBe(1);
    server.signal('SIGCONT');
    await until('the late answer', async () => (await other.use(given, 'b', inFiveMinutes())) === 'other');
  });
});
