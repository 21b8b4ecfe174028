import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Component } from '../../../src/stores/keys.js';
import {
  defineScript,
  RedisFailure,
  type RedisManager,
  type RedisSettings,
} from '../../../src/stores/redis/index.js';
import { freePort, type RedisServer, startRedis, until } from '../../support/redis-servers.js';
import { managerFor } from './suite.js';

const opened: { close?(): Promise<void>; stop?(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await (each.close?.() ?? each.stop?.());
});

async function server(...args: string[]): Promise<RedisServer> {
  const started = await startRedis({ args });
  opened.push({ stop: () => started.stop() });
  return started;
}

async function manager(port: number, settings: Partial<RedisSettings> = {}): Promise<RedisManager> {
  const redis = managerFor({ mode: 'plain', port, deadlineMs: 250, stallMs: 1000, ...settings });
  opened.push({ close: () => redis.close() });
  await redis.start({ waitMs: 10_000 });
  return redis;
}

async function failureOf(work: Promise<unknown>): Promise<RedisFailure> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof RedisFailure)) throw new Error(`expected a RedisFailure, got ${String(outcome)}`);
  return outcome;
}

describe('a server that hangs', () => {
  test('is unknown within the deadline, then unavailable at once, and up again when it goes on', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port);
    const key = redis.keyManager.callKey('hang', Component.METRICS);
    await redis.set(key, '1', { ttl: 600 });
    redisServer.signal('SIGSTOP');
    const started = performance.now();
    const failure = await failureOf(redis.set(key, '2', { ttl: 600 }));
    const took = performance.now() - started;
    expect(failure).toMatchObject({ kind: 'unknown', code: 'RTV_REDIS_DEADLINE', operation: 'set' });
    expect(took).toBeGreaterThanOrEqual(245);
    expect(took).toBeLessThan(600);
    await until('the breaker or the connections to give up', async () => {
      const again = await failureOf(redis.get(key));
      return again.kind === 'unavailable';
    });
    expect(redis.state).toBe('down');
    expect(redis.unbrokenSince()).toBeUndefined();
    const quick = performance.now();
    expect((await failureOf(redis.get(key))).kind).toBe('unavailable');
    expect(performance.now() - quick).toBeLessThan(100);
    const resumed = performance.now();
    redisServer.signal('SIGCONT');
    await until('up', () => redis.state === 'up');
    expect(performance.now() - resumed).toBeLessThan(5000);
    expect(await redis.get(key)).toMatch(/^[12]$/);
    expect(redis.unbrokenSince()).toBeGreaterThan(resumed);
  });

  test('holds no more operations than the bound', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port, { maxInFlight: 4, breakerThreshold: 100, deadlineMs: 400 });
    redisServer.signal('SIGSTOP');
    const failures = Promise.all(Array.from({ length: 10 }, () => failureOf(redis.ping())));
    expect(redis.utilisation).toBe(1);
    const codes = (await failures).map(({ code }) => code).sort();
    redisServer.signal('SIGCONT');
    expect(codes.filter((code) => code === 'RTV_REDIS_POOL_EXHAUSTED').length).toBeGreaterThanOrEqual(6);
    expect(codes.filter((code) => code === 'RTV_REDIS_DEADLINE').length).toBeGreaterThanOrEqual(3);
    await until('all to be settled', () => redis.utilisation === 0);
  });
});

describe('the breaker', () => {
  test('opens on failures in a row and is closed by a probe alone', async () => {
    const redisServer = await server();
    // Connections are left alone for long, so that only the breaker can make operations unavailable.
    const redis = await manager(redisServer.port, { breakerThreshold: 3, deadlineMs: 60, stallMs: 60_000 });
    const states: string[] = [];
    redis.onStateChange((state) => states.push(state));
    redisServer.signal('SIGSTOP');
    const codes: string[] = [];
    await until('the breaker to open', async () => {
      codes.push((await failureOf(redis.ping())).code);
      return codes.at(-1) === 'RTV_REDIS_BREAKER_OPEN';
    });
    expect(codes.filter((code) => code === 'RTV_REDIS_DEADLINE').length).toBeLessThanOrEqual(3);
    const operations = redis.recentOperations().length;
    // Only probes go out, a few a second, and none of them closes it.
    await until('probes', () => redis.recentOperations().length >= operations + 3);
    expect(
      redis
        .recentOperations()
        .slice(operations)
        .every((r) => r.operation === 'ping' && r.outcome !== 'ok'),
    ).toBe(true);
    redisServer.signal('SIGCONT');
    await until('up', () => redis.state === 'up');
    expect(await redis.ping()).toBeGreaterThan(0);
    expect(states).toEqual(['down', 'up']);
  });
});

describe('a server that dies', () => {
  test('is noticed, and again when it is back; reads ride out a lost connection', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port);
    const key = redis.keyManager.callKey('dies', Component.METRICS);
    await until('the first contact', () => redis.unbrokenSince() !== undefined);
    await redisServer.kill();
    await until('down', () => redis.state === 'down');
    expect((await failureOf(redis.get(key))).kind).toBe('unavailable');
    const dead = performance.now();
    expect(redis.lastContact()).toBeLessThan(dead);
    await redisServer.start();
    const back = performance.now();
    await until('up', () => redis.state === 'up');
    expect(performance.now() - back).toBeLessThan(5000);
    await until('contact', () => (redis.unbrokenSince() ?? 0) > dead);
  });

  test('connections killed under load: reads never fail, increments are never applied twice', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port, { deadlineMs: 2000 });
    const key = redis.keyManager.callKey('killed', Component.METRICS);
    let acknowledged = 0;
    let unknown = 0;
    let running = true;
    const add = async (): Promise<void> => {
      while (running) {
        try {
          await redis.withClient('incr', (client) => client.incr(key), { key });
          acknowledged += 1;
        } catch (error) {
          if (!(error instanceof RedisFailure)) throw error;
          if (error.kind === 'unknown') unknown += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    };
    const readFailures: unknown[] = [];
    const read = async (): Promise<void> => {
      while (running) {
        await redis.get(key).catch((error: unknown) => {
          running = false;
          readFailures.push(error);
        });
      }
    };
    const work = Promise.all([add(), add(), add(), read()]);
    for (let i = 0; i < 10; i += 1) {
      const goal = acknowledged + 50;
      await until('progress', () => acknowledged >= goal || !running);
      await redisServer.cli('client', 'kill', 'type', 'normal', 'skipme', 'yes');
    }
    running = false;
    await work;
    const value = Number(await redis.get(key));
    expect(readFailures).toEqual([]);
    expect(value).toBeGreaterThanOrEqual(acknowledged);
    expect(value).toBeLessThanOrEqual(acknowledged + unknown);
  });

  test('away at the start: false at first, up once it is there', async () => {
    const port = await freePort();
    const redis = managerFor({ mode: 'plain', port });
    opened.push({ close: () => redis.close() });
    expect(await redis.start({ waitMs: 200 })).toBe(false);
    expect((await failureOf(redis.ping())).code).toBe('RTV_REDIS_NOT_CONNECTED');
    expect(redis.lastContact()).toBeUndefined();
    const late = await startRedis({ port });
    opened.push({ stop: () => late.stop() });
    await until('up', () => redis.state === 'up');
    expect(await redis.ping()).toBeGreaterThan(0);
  });
});

describe('a server that says no', () => {
  test('OOM is refused, breaks contact, and reads go on', async () => {
    const redisServer = await server('--maxmemory', '3mb', '--maxmemory-policy', 'noeviction');
    const redis = await manager(redisServer.port);
    const key = (n: number): string => redis.keyManager.cacheKey('tts', String(n));
    let failure: RedisFailure | undefined;
    for (let i = 0; i < 100 && failure === undefined; i += 1) {
      await redis.setBinary(key(i), Buffer.alloc(100_000, i), { ttl: 60 }).catch((error: unknown) => {
        if (error instanceof RedisFailure) failure = error;
      });
    }
    expect(failure).toMatchObject({ kind: 'refused', reply: 'OOM' });
    expect(redis.unbrokenSince()).toBeUndefined();
    expect(redis.state).toBe('up');
    expect((await redis.getBinary(key(0)))?.length).toBe(100_000);
    expect(await redis.memoryShare()).toBeGreaterThan(0.5);
    const writing = defineScript('grow', `return redis.call('SET', KEYS[1], ARGV[1])`);
    const large = 'x'.repeat(1_500_000);
    expect(await failureOf(redis.script(writing, [key(1000)], [large]))).toMatchObject({
      kind: 'refused',
      reply: 'OOM',
    });
  });

  test('READONLY, of a replica', async () => {
    const master = await server();
    const replica = await server('--replicaof', `127.0.0.1 ${master.port}`);
    const redis = await manager(replica.port);
    const key = redis.keyManager.callKey('replica', Component.SUMMARY);
    expect(await failureOf(redis.set(key, '1', { ttl: 60 }))).toMatchObject({
      kind: 'refused',
      reply: 'READONLY',
    });
    expect(await redis.get(key)).toBeUndefined();
    expect(redis.state).toBe('up');
  });

  test('MISCONF, when the server cannot save', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port);
    const key = redis.keyManager.callKey('misconf', Component.SUMMARY);
    await redis.set(key, '1', { ttl: 60 });
    await mkdir(join(redisServer.dir, 'dump.rdb'));
    await redisServer.cli('config', 'set', 'save', '3600 1');
    await redisServer.cli('bgsave');
    await until('the failed save', async () =>
      (await redisServer.cli('info', 'persistence')).includes('rdb_last_bgsave_status:err'),
    );
    expect(await failureOf(redis.set(key, '2', { ttl: 60 }))).toMatchObject({
      kind: 'refused',
      reply: 'MISCONF',
    });
    expect(await redis.get(key)).toBe('1');
  });

  test('LOADING, of a replica that takes over its master’s data', async () => {
    const master = await server('--rdbcompression', 'no', '--repl-diskless-sync-delay', '0');
    await master.cli(
      'eval',
      `for i = 1, 3000 do redis.call('SET', 'k' .. i, string.rep('x', 1000)) end return 1`,
      '0',
    );
    const replica = await server();
    const redis = await manager(replica.port, { deadlineMs: 1000, stallMs: 10_000 });
    const key = redis.keyManager.callKey('loading', Component.SUMMARY);
    await redis.set(key, '1', { ttl: 60 });
    // Half a millisecond a key, and clients are served in between: 1.5 s of loading.
    await replica.cli('config', 'set', 'key-load-delay', '500');
    await replica.cli('config', 'set', 'loading-process-events-interval-bytes', '1024');
    await replica.cli('replicaof', '127.0.0.1', String(master.port));
    let failure: RedisFailure | undefined;
    await until('LOADING', async () => {
      await redis
        .withClient('get', (client) => client.get(key), { key })
        .catch((error: unknown) => {
          if (error instanceof RedisFailure) failure = error;
        });
      return failure !== undefined;
    });
    expect(failure).toMatchObject({ kind: 'refused', reply: 'LOADING' });
    expect(redis.unbrokenSince()).toBeUndefined();
    // A safe read waits for the end of it, within its own deadline.
    expect(await redis.get('k1', { deadlineMs: 30_000 })).toHaveLength(1000);
  });

  test('a server that asks for a password it was not given is not up', async () => {
    const redisServer = await server('--requirepass', 'secret');
    const redis = managerFor({ mode: 'plain', port: redisServer.port });
    opened.push({ close: () => redis.close() });
    expect(await redis.start({ waitMs: 500 })).toBe(false);
    expect((await failureOf(redis.ping())).kind).toBe('unavailable');
  });

  test('an error names no argument of the command', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port);
    const failure = await failureOf(
      redis.withClient('wrong', (client) =>
        client.call('nosuchcommand', '+4915155500000', 'said in confidence'),
      ),
    );
    expect(failure).toMatchObject({ kind: 'refused', reply: 'ERR' });
    expect(JSON.stringify(failure) + failure.stack + String(failure.cause)).not.toMatch(
      /55500000|confidence/,
    );
    const script = defineScript('fails', `return redis.error_reply('STALE the owner epoch is another')`);
    expect(await failureOf(redis.script(script, []))).toMatchObject({ kind: 'refused', reply: 'STALE' });
  });
});

describe('contact', () => {
  test('stays unbroken while idle, probe by probe', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port, { probeMs: 300 });
    await until('the first contact', () => redis.unbrokenSince() !== undefined);
    const since = redis.unbrokenSince() ?? 0;
    await until('some probes', () => (redis.lastContact() ?? 0) > since + 1500);
    expect(redis.unbrokenSince()).toBe(since);
  });

  test('is not made good by the pause of one own operation that was answered late', async () => {
    const redisServer = await server();
    const redis = await manager(redisServer.port);
    await redis.ping();
    await redisServer.cli('client', 'pause', '700', 'ALL');
    const paused = performance.now();
    expect((await failureOf(redis.ping())).kind).toBe('unknown');
    expect(redis.unbrokenSince()).toBeUndefined();
    await until('contact', () => redis.unbrokenSince() !== undefined);
    expect(redis.unbrokenSince()).toBeGreaterThan(paused + 250);
  });
});

describe('a scan of 20,000 keys', () => {
  test('finds all, and no command of it holds the server for 5 ms', async () => {
    const redisServer = await server('--slowlog-log-slower-than', '5000', '--slowlog-max-len', '1000');
    const redis = await manager(redisServer.port, { deadlineMs: 5000, stallMs: 10_000 });
    const keys = Array.from({ length: 20_000 }, (_, i) =>
      redis.keyManager.callKey(`call-${i}`, Component.SUMMARY),
    );
    await redis.batch(keys.map((key) => ['set', key, 'x', 'EX', 600] as const));
    // The server's clock goes on while another process has its core: a command is slow only if it is always.
    let slow = '';
    for (let round = 0; round < 5; round += 1) {
      await redisServer.cli('slowlog', 'reset');
      const found = new Set<string>();
      let pages = 0;
      for await (const page of redis.scan(redis.keyManager.pattern({ dataType: 'call' }))) {
        pages += 1;
        for (const key of page) found.add(key);
      }
      expect(found.size).toBe(20_000);
      expect(pages).toBeGreaterThan(10);
      slow = await redisServer.cli('slowlog', 'get');
      if (slow === '') break;
    }
    expect(slow).toBe('');
    expect(await redisServer.cli('info', 'commandstats')).not.toContain('cmdstat_keys');
  });
});
