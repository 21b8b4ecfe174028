import { describe, expect, test } from 'vitest';
import { Component, RedisKeyManager } from '../keys.js';
import { type BatchOperation, isRepeatable, planPipelines, slotOf } from './batch.js';
import { reconnectDelay } from './connect.js';
import { objectIdOf, refreshDelay } from './credentials.js';
import { memoryShare, parseInfo } from './info.js';
import { dataTypeOf, RecentKeys } from './recent-keys.js';
import { checkSettings, type RedisSettings, tlsOptions } from './settings.js';

describe('credentials', () => {
  test('a token is replaced at least three minutes before it ends, workers spread out', () => {
    const hour = 3_600_000;
    for (const random of [0, 0.5, 0.999]) {
      const delay = refreshDelay(hour, 180_000, 120_000, random);
      expect(hour - delay).toBeGreaterThanOrEqual(180_000);
      expect(hour - delay).toBeLessThanOrEqual(300_000);
    }
    expect(refreshDelay(100_000, 180_000, 120_000, 0)).toBe(50_000);
    expect(refreshDelay(-5, 180_000, 120_000, 0)).toBe(200);
    expect(refreshDelay(1e12, 0, 0, 0)).toBe(2 ** 31 - 1);
  });

  test('the object id is the oid claim, and nothing else', () => {
    const jwt = (claims: unknown): string =>
      `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
    expect(objectIdOf(jwt({ oid: 'abc', sub: 'x' }))).toBe('abc');
    for (const token of [jwt({ sub: 'x' }), jwt({ oid: 7 }), jwt(null), 'opaque', 'a.%%%.c', '']) {
      expect(objectIdOf(token)).toBeUndefined();
    }
  });
});

describe('batches', () => {
  const batch = (...keys: string[]): BatchOperation[] => keys.map((key) => ['get', key] as const);

  test('slots are those of the cluster specification', () => {
    expect(slotOf('123456789')).toBe(0x31c3);
    expect(slotOf('{user1000}.following')).toBe(slotOf('{user1000}.followers'));
    expect(slotOf('foo{}{bar}')).not.toBe(slotOf('bar'));
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
    expect(slotOf('foo{bar}{zap}')).toBe(slotOf('bar'));
  });

  test('one pipeline a slot in a cluster, bounded ones elsewhere, order kept', () => {
    expect(planPipelines(batch('a', 'b', 'a'), false)).toEqual([[0, 1, 2]]);
    expect(planPipelines(batch('{x}1', 'y', '{x}2'), true)).toEqual([[0, 2], [1]]);
    const long = planPipelines(batch(...Array.from({ length: 1200 }, String)), false);
    expect(long.map((part) => part.length)).toEqual([500, 500, 200]);
    expect(long.flat()).toEqual(Array.from({ length: 1200 }, (_, i) => i));
    expect(planPipelines([], true)).toEqual([]);
  });

  test('counting is not repeatable, setting is, a conditional set is not', () => {
    expect(
      isRepeatable([
        ['set', 'a', '1'],
        ['expire', 'a', 5],
      ]),
    ).toBe(true);
    expect(
      isRepeatable([
        ['set', 'a', '1'],
        ['incrby', 'a', 5],
      ]),
    ).toBe(false);
    expect(isRepeatable([['set', 'a', '1', 'NX']])).toBe(false);
    expect(isRepeatable([['zadd', 'a', 'INCR', 1, 'm']])).toBe(false);
  });
});

describe('info', () => {
  test('is parsed field by field, the memory share from it', () => {
    const info = parseInfo('# Memory\r\nused_memory:50\r\nmaxmemory:200\r\nos:Linux: 6\r\n\r\n');
    expect({ ...info }).toEqual({ used_memory: '50', maxmemory: '200', os: 'Linux: 6' });
    expect(memoryShare(info)).toBe(0.25);
    expect(memoryShare(parseInfo('used_memory:50\r\nmaxmemory:0'))).toBeUndefined();
  });
});

describe('the key creation rate', () => {
  test('counts a key once while it is remembered, and forgets in bounds', () => {
    const recent = new RecentKeys(3);
    expect(['a', 'a', 'b', 'c', 'd', 'a'].map((key) => recent.wrote(key))).toEqual([
      true,
      false,
      true,
      true,
      true,
      false,
    ]);
    recent.deleted('a');
    expect(recent.wrote('a')).toBe(true);
    for (let i = 0; i < 10; i += 1) recent.wrote(`x${i}`);
    expect(recent.wrote('b')).toBe(true);
  });

  test('is labelled by data type', () => {
    const keys = new RedisKeyManager({ environment: 'test' });
    expect(dataTypeOf(keys.callKey('a', Component.SESSION), keys)).toBe('call');
    expect(dataTypeOf(keys.cacheKey('tts', 'a'), keys)).toBe('cache');
    for (const key of ['session:a', 'rtvoice:test:secret', 'rtvoice:dev:call:a:session', '']) {
      expect(dataTypeOf(key, keys)).toBe('other');
    }
  });
});

describe('connections', () => {
  test('come back after growing, jittered delays of at most a second', () => {
    for (let tries = 1; tries < 100; tries += 1) {
      const full = Math.min(1000, 50 * 2 ** (tries - 1));
      expect(reconnectDelay(tries)).toBeGreaterThanOrEqual(full / 2);
      expect(reconnectDelay(tries)).toBeLessThanOrEqual(full);
    }
  });

  test('speak TLS 1.2 at least', () => {
    expect(tlsOptions({ mode: 'plain', tls: true })).toEqual({ minVersion: 'TLSv1.2' });
    expect(tlsOptions({ mode: 'plain', tls: { ca: 'pem' } })).toEqual({ minVersion: 'TLSv1.2', ca: 'pem' });
    expect(tlsOptions({ mode: 'plain' })).toBeUndefined();
  });

  test('are not tried with settings that cannot work', () => {
    const credential = { getToken: async () => null };
    const wrong: RedisSettings[] = [
      { mode: 'sentinel' },
      { mode: 'sentinel', sentinels: [{ host: 'a', port: 1 }] },
      { mode: 'plain', password: 'x', entra: { credential } },
      { mode: 'plain', host: 'redis.example', entra: { credential } },
      { mode: 'plain', poolSize: 0 },
      { mode: 'plain', maxInFlight: 1.5 },
      { mode: 'plain', deadlineMs: Number.NaN },
    ];
    for (const settings of wrong) {
      expect(() => checkSettings(settings)).toThrow(
        expect.objectContaining({ code: 'RTV_REDIS_SETTINGS_INVALID' }),
      );
    }
    checkSettings({ mode: 'plain', host: 'redis.example', tls: true, entra: { credential } });
  });
});
