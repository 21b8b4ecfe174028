/** The memory of a conversation while Redis is away, loses data, or goes back in time. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MemoManager } from '../../../src/memory/memo-manager.js';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { type RedisServer, startRedis, until } from '../../support/redis-servers.js';
import { newId, openRedis, seal } from './support.js';

let server: RedisServer;
let redis: RedisManager;

beforeEach(async () => {
  server = await startRedis();
  redis = await openRedis(server, { deadlineMs: 1000 });
});
afterEach(async () => {
  await redis.close();
  await server.stop();
});

const load = (id: string) => MemoManager.fromRedis(id, redis, { seal });
const texts = async (memo: MemoManager): Promise<string[]> =>
  (await memo.getHistory()).map(({ text }) => text);
const isUp = (): Promise<void> => until('redis up', () => redis.state === 'up');

test('turns wait in order within the bound and are written when Redis comes back empty', async () => {
  const id = newId();
  const memo = await load(id);
  await memo.updateContext({ slots: { name: 'Dora' } });
  await memo.appendToHistory('user', 'one');
  await server.kill();
  await until('redis down', () => redis.state === 'down');
  expect(await memo.appendToHistory('agent', 'two')).toEqual({ seq: 2, durable: false });
  expect(await memo.updateContext({ slots: { city: 'Ulm' } })).toEqual({ durable: false });
  await expect(memo.persist()).rejects.toMatchObject({ code: 'RTV_REDIS_UNAVAILABLE' });
  await expect(memo.setAuthenticated()).rejects.toMatchObject({ code: 'RTV_REDIS_UNAVAILABLE' });
  expect(memo.isAuthenticated).toBe(false);
  await expect(load(newId())).rejects.toMatchObject({ code: 'RTV_REDIS_UNAVAILABLE' });
  await server.start();
  await isUp();
  expect(await memo.appendToHistory('user', 'three')).toEqual({ seq: 3, durable: true });
  await memo.persist();
  const again = await load(id);
  expect(await texts(again)).toEqual(['one', 'two', 'three']);
  expect(again.slots).toEqual({ name: 'Dora', city: 'Ulm' });
});

test('the bound of what may wait is stated, and past it a turn is refused', async () => {
  const memo = await load(newId());
  await server.kill();
  await until('redis down', () => redis.state === 'down');
  for (let n = 0; n < 512; n += 1) await memo.appendToHistory('user', `turn ${n}`);
  await expect(memo.appendToHistory('user', 'too much')).rejects.toMatchObject({ code: 'RTV_BACKLOG_FULL' });
  await server.start();
  await isUp();
  await memo.persist();
  expect(await texts(await load(memo.sessionId))).toHaveLength(512);
}, 60_000);

test('a Redis that went back in time gets again what the manager holds', async () => {
  const id = newId();
  const memo = await load(id);
  await memo.appendToHistory('user', 'one');
  const names = (await server.cli('keys', `*${id}*`)).split('\n');
  const before = new Map<string, string>();
  for (const name of names) before.set(name, await server.cli('eval', COPY, '1', name));
  await memo.appendToHistory('agent', 'two');
  await memo.appendToHistory('user', 'three');
  await server.cli('flushall');
  for (const [name, hash] of before) {
    await server.cli('hset', name, ...(JSON.parse(hash) as string[]));
    await server.cli('expire', name, '1000');
  }
  expect(await texts(await load(id))).toEqual(['one']);
  expect(await memo.appendToHistory('agent', 'four')).toEqual({ seq: 4, durable: true });
  expect(await texts(await load(id))).toEqual(['one', 'two', 'three', 'four']);
});

test('a hanging Redis: a commit without an answer is written once', async () => {
  const id = newId();
  const memo = await load(id);
  await memo.appendToHistory('user', 'one');
  server.signal('SIGSTOP');
  const said = memo.appendToHistory('agent', 'two');
  expect(await said).toEqual({ seq: 2, durable: false });
  server.signal('SIGCONT');
  await isUp();
  await until('written', async () => (await memo.appendToHistory('user', 'more')).durable);
  const all = await texts(await load(id));
  expect(all.slice(0, 2)).toEqual(['one', 'two']);
  expect(all.filter((text) => text === 'two')).toHaveLength(1);
});

/** A hash as JSON. */
const COPY = "return cjson.encode(redis.call('HGETALL', KEYS[1]))";
