import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Component, RedisKeyManager } from '../../../src/stores/keys.js';
import {
  defineScript,
  RedisFailure,
  RedisManager,
  type RedisMetrics,
  type RedisSettings,
} from '../../../src/stores/redis/index.js';

/** A manager on some settings, its deadline wide enough for a busy machine. */
export function managerFor(redis: RedisSettings, metrics?: Partial<RedisMetrics>): RedisManager {
  const keys = new RedisKeyManager({ environment: 'test', hashTags: redis.mode === 'cluster' });
  return new RedisManager({
    redis: { deadlineMs: 2000, stallMs: 4000, ...redis },
    keys,
    ...(metrics === undefined ? {} : { metrics }),
  });
}

const ADD_BOTH = defineScript(
  'add_both',
  `redis.call('INCRBY', KEYS[1], ARGV[1]) redis.call('INCRBY', KEYS[2], ARGV[1])
return {redis.call('GET', KEYS[1]), ARGV[2]}`,
);

/** What every way of reaching Redis must do alike. */
export function contract(name: string, open: () => RedisManager): void {
  describe(`contract: ${name}`, () => {
    const id = (): string => randomUUID();

    test('ping and info answer', async () => {
      expect(await open().ping()).toBeGreaterThanOrEqual(0);
      const [first] = await open().info('server');
      expect(first?.redis_version).toMatch(/^\d+\./);
      expect(open().state).toBe('up');
    });

    test('JSON comes back as it was, with its TTL', async () => {
      const redis = open();
      const key = redis.keyManager.conversationKey(id(), Component.CONTEXT);
      const value = { a: [1, 'zwei', null, { b: true }], emoji: '☎️', nested: { '': 0 } };
      await redis.setJson(key, value, { ttl: 60 });
      expect(await redis.getJson(key)).toEqual(value);
      expect(await redis.ttl(key)).toBeGreaterThan(50);
      expect(await redis.delete(key)).toBe(true);
      expect(await redis.getJson(key)).toBeUndefined();
      expect(await redis.delete(key)).toBe(false);
      expect(await redis.ttl(key)).toBe(-2);
    });

    test('bytes come back as they were', async () => {
      const redis = open();
      const key = redis.keyManager.cacheKey('tts', id());
      const audio = Buffer.from(Array.from({ length: 65_536 }, (_, i) => i % 256));
      await redis.setBinary(key, audio, { ttl: 86_400 });
      expect((await redis.getBinary(key))?.equals(audio)).toBe(true);
      await redis.setBinary(key, new Uint8Array([255, 0, 13, 10]), { ttl: 1 });
      expect(await redis.getBinary(key)).toEqual(Buffer.from([255, 0, 13, 10]));
      expect(await redis.getBinary(redis.keyManager.cacheKey('tts', id()))).toBeUndefined();
    });

    test('a call session is kept beside other fields and lives by policy', async () => {
      const redis = open();
      const call = id();
      const key = redis.keyManager.callKey(call, Component.SESSION);
      await redis.hset(key, { epoch: '7' });
      await redis.storeCallSession(call, { status: 'connected' });
      await redis.storeCallSession(call, { status: 'talking' });
      expect(await redis.getCallSession(call)).toEqual({ status: 'talking' });
      expect(await redis.hget(key, 'epoch')).toBe('7');
      expect(await redis.ttl(key)).toBeGreaterThan(1790);
      await redis.expire(key, 7200);
      await redis.storeCallSession(call, { status: 'ended' });
      expect(await redis.ttl(key)).toBeGreaterThan(7000);
    });

    test('set if absent tells who was first', async () => {
      const redis = open();
      const key = redis.keyManager.workerKey(id(), Component.AFFINITY);
      expect(await redis.set(key, 'one', { ttlMs: 60_000, ifAbsent: true })).toBe(true);
      expect(await redis.set(key, 'two', { ttlMs: 60_000, ifAbsent: true })).toBe(false);
      expect(await redis.get(key)).toBe('one');
    });

    test('hashes, sets and sorted sets', async () => {
      const redis = open();
      const hash = redis.keyManager.conversationKey(id(), Component.HISTORY);
      expect(await redis.hset(hash, { 1: Buffer.from([0, 255]), 2: 'two', 3: 3 })).toBe(3);
      expect((await redis.hgetallBuffer(hash))['1']).toEqual(Buffer.from([0, 255]));
      expect(await redis.hgetBuffer(hash, '2')).toEqual(Buffer.from('two'));
      expect(await redis.hmget(hash, ['2', 'none'])).toEqual(['two', undefined]);
      const fields: string[] = [];
      for await (const page of redis.hscan(hash)) fields.push(...page.map(([field]) => field));
      expect(fields.sort()).toEqual(['1', '2', '3']);
      expect(await redis.hdel(hash, ['1'])).toBe(1);
      expect(await redis.hlen(hash)).toBe(2);
      const index = redis.keyManager.systemKey('calls', id());
      expect(
        await redis.zadd(index, [
          [2, 'b'],
          [1, 'a'],
          [3, 'c'],
        ]),
      ).toBe(3);
      expect(await redis.zrangeByScore(index, -Infinity, 2)).toEqual(['a', 'b']);
      expect(await redis.zscore(index, 'c')).toBe(3);
      expect(await redis.zrem(index, ['a', 'x'])).toBe(1);
      const set = redis.keyManager.workerKey(id(), Component.AFFINITY);
      expect(await redis.sadd(set, ['x', 'y'])).toBe(2);
      expect(await redis.srem(set, ['x'])).toBe(1);
      expect(await redis.smembers(set)).toEqual(['y']);
    });

    test('a batch answers each command, in order, wherever its keys live', async () => {
      const redis = open();
      const keys = Array.from({ length: 40 }, () => redis.keyManager.callKey(id(), Component.SUMMARY));
      const sets = await redis.batch(keys.map((key, i) => ['set', key, String(i), 'EX', 60] as const));
      expect(sets.every((result) => result.ok && result.value === 'OK')).toBe(true);
      const first = keys[0] ?? '';
      const reads = await redis.batch([
        ...keys.map((key) => ['get', key] as const),
        ['hget', first, 'field'],
        ['ttl', first],
      ]);
      expect(reads.slice(0, 40).map((r) => r.ok && r.value)).toEqual(keys.map((_, i) => String(i)));
      const wrong = reads[40];
      expect(wrong?.ok === false && wrong.failure.reply).toBe('WRONGTYPE');
      expect(reads[41]?.ok).toBe(true);
    });

    test('scripts run by digest, survive a flush of the script cache, and take bytes', async () => {
      const redis = open();
      const call = id();
      const keys = [
        redis.keyManager.callKey(call, Component.METRICS),
        redis.keyManager.conversationKey(call, Component.METRICS),
      ];
      const bytes = Buffer.from([0, 200, 255]);
      expect(await redis.script(ADD_BOTH, keys, [2, bytes], { buffers: true })).toEqual([
        Buffer.from('2'),
        bytes,
      ]);
      await redis.withClient('script_flush', async (client) => {
        const nodes =
          'nodes' in client && typeof client.nodes === 'function' ? client.nodes('master') : [client];
        await Promise.all(nodes.map((node: typeof client) => node.script('FLUSH')));
      });
      expect(await redis.script(ADD_BOTH, keys, [3, 'text'])).toEqual(['5', 'text']);
    });

    test('a scan finds each matching key of every node and no other', async () => {
      const redis = open();
      const mine = new Set(
        Array.from({ length: 300 }, () => redis.keyManager.callKey(id(), Component.RECORDING)),
      );
      const other = Array.from({ length: 50 }, () => redis.keyManager.callKey(id(), Component.TRANSCRIPT));
      await redis.batch([...mine, ...other].map((key) => ['set', key, '1', 'EX', 60] as const));
      const found = new Set<string>();
      const pattern = redis.keyManager.pattern({ dataType: 'call', component: Component.RECORDING });
      for await (const page of redis.scan(pattern, { count: 50 })) for (const key of page) found.add(key);
      expect(found).toEqual(mine);
    });

    test('a refusal is definite and says why', async () => {
      const redis = open();
      const key = redis.keyManager.callKey(id(), Component.SESSION);
      await redis.hset(key, { a: '1' });
      const failure = await redis.getJson(key).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RedisFailure);
      expect(failure).toMatchObject({ kind: 'refused', reply: 'WRONGTYPE', code: 'RTV_REDIS_REFUSED' });
      await redis.set(redis.keyManager.callKey('text', Component.SUMMARY), '{half', { ttl: 60 });
      await expect(redis.getJson(redis.keyManager.callKey('text', Component.SUMMARY))).rejects.toMatchObject({
        code: 'RTV_REDIS_VALUE_UNREADABLE',
      });
    });

    test('operations are audited with their correlation id and without values', async () => {
      const redis = open();
      const key = redis.keyManager.conversationKey(id(), Component.CONTEXT);
      redis.takeAuditDigest();
      await redis.setJson(key, { phone: '+4915155500000' }, { ttl: 60, correlationId: 'corr-1' });
      await redis.getJson(key, { correlationId: 'corr-1' });
      const mine = redis.recentOperations().filter((record) => record.correlationId === 'corr-1');
      expect(mine.map((r) => [r.operation, r.key, r.outcome])).toEqual([
        ['set', key, 'ok'],
        ['get', key, 'ok'],
      ]);
      expect(JSON.stringify(redis.recentOperations())).not.toContain('4915155500000');
      expect(redis.takeAuditDigest()).toMatchObject({
        byOperation: { set: 1, get: 1 },
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    });
  });
}
