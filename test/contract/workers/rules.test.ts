/** Rules of state 8 and 9 (design §4): who may speak, and who may take whom for dead, between workers on a real Redis. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { VoiceLease } from '../../../src/media/lease.js';
import { Playout, PlayoutClock } from '../../../src/media/playout.js';
import type { MediaLine } from '../../../src/media/ports.js';
import { Component, RedisKeyManager } from '../../../src/stores/keys.js';
import { RedisManager } from '../../../src/stores/redis/manager.js';
import { WorkerRegistry } from '../../../src/stores/worker-registry.js';
import { createLookAfter } from '../../../src/worker/look-after.js';
import { LAPSE_MS, Vigil, type VigilHooks } from '../../../src/worker/vigil.js';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.js';
import { type RedisServer, startRedis, until } from '../../support/redis-servers.js';

/** As the worker sets it (worker/presence.ts). */
const MARGIN_MS = 300;
const FRAME_BYTES = 640;

const keys = new RedisKeyManager({ environment: 'test' });
let server: RedisServer;
let redis: Redis;
let open: (() => Promise<void>)[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis({ host: server.host, port: server.port });
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
});
afterEach(async () => {
  await Promise.all(open.map((close) => close()));
  open = [];
});

interface Watching {
  readonly id: string;
  readonly vigil: Vigil;
  readonly lease: VoiceLease;
  readonly proxy: FaultProxy;
  readonly redis: RedisManager;
  readonly registry: WorkerRegistry;
  readonly orphans: string[];
  readonly lapses: () => number;
}

/** A worker that beats and watches, behind a proxy of its own. */
async function watching(hooks: Partial<VigilHooks> = {}): Promise<Watching> {
  const proxy = await startFaultProxy(server);
  const manager = new RedisManager({ keys, redis: { mode: 'plain', host: proxy.host, port: proxy.port } });
  await manager.start({ waitMs: 5_000 });
  const registry = new WorkerRegistry(manager);
  const lease = new VoiceLease({ lapseMs: LAPSE_MS, marginMs: MARGIN_MS });
  const id = randomUUID();
  const orphans: string[] = [];
  let lapses = 0;
  const vigil = new Vigil(id, registry, lease, {
    beat: () => ({ url: `http://${id}.invalid`, ready: true, calls: 0 }),
    unbrokenSince: () => manager.unbrokenSince(),
    orphan: async (member) => {
      orphans.push(member);
      return true;
    },
    swept: () => `${id}-again`,
    sweeping: () => undefined,
    peersHaveRedis: async () => true,
    count: (what, n) => {
      if (what === 'lapse') lapses += n;
    },
    ...hooks,
  });
  open.push(async () => {
    proxy.set({ kind: 'pass' });
    await vigil.stop();
    await manager.close();
    await proxy.close();
  });
  return { id, vigil, lease, proxy, redis: manager, registry, orphans, lapses: () => lapses };
}

const hasCall = (worker: Watching, callId: string): Promise<number> =>
  redis.sadd(keys.workerKey(worker.id, Component.AFFINITY), callId);

/** A worker that is long enough in touch with Redis to trust itself. */
const trusting = (worker: Watching): Promise<void> =>
  until('it trusts itself', () => {
    const since = worker.redis.unbrokenSince();
    return since !== undefined && performance.now() - since > 2 * LAPSE_MS;
  });

describe('rule 8: a voice needs a lease', () => {
  it('a worker that is cut off from Redis is silent before another one is told of its calls', async () => {
    const cutOff = await watching();
    let spoke: boolean | undefined;
    const other = await watching({
      orphan: async () => {
        spoke = cutOff.lease.maySpeak();
        return true;
      },
    });
    await cutOff.vigil.start();
    await other.vigil.start();
    await hasCall(cutOff, 'call');
    await trusting(other);
    expect(cutOff.lease.maySpeak()).toBe(true);
    cutOff.proxy.set({ kind: 'hang' });
    await until('its call is seen to', () => spoke !== undefined);
    expect(spoke).toBe(false);
  });

  it('one that finds itself taken for dead stops at once, and comes back as somebody else', async () => {
    const worker = await watching();
    await worker.vigil.start();
    expect(worker.lease.maySpeak()).toBe(true);
    const beat = await redis.get(keys.workerKey(worker.id, Component.HEARTBEAT));
    await worker.registry.mark(worker.id, beat ?? '', 'sweeper');
    await until('it is somebody else', () => worker.vigil.id !== worker.id);
    expect(await redis.exists(keys.workerKey(worker.id, Component.HEARTBEAT))).toBe(0);
    await until('it may speak again', () => worker.lease.maySpeak());
  });

  it('one that nobody can take for dead goes on speaking: all of them have lost Redis', async () => {
    const worker = await watching({ peersHaveRedis: async () => false });
    await worker.vigil.start();
    worker.proxy.cut();
    worker.proxy.refuse(true);
    await until('Redis is away', () => worker.redis.state === 'down');
    const away = performance.now();
    const longerThanALease = (): boolean => performance.now() - away > LAPSE_MS;
    await until('it still may speak', () => longerThanALease() && worker.lease.maySpeak(), 10_000);
    worker.proxy.refuse(false);
  });

  it('a Redis that refuses the beats of all takes nobody the voice', async () => {
    const both: Watching[] = [];
    const other = (at: number) => async (): Promise<boolean> => both[at]?.vigil.beats === true;
    both.push(await watching({ peersHaveRedis: other(1) }), await watching({ peersHaveRedis: other(0) }));
    for (const { vigil } of both) await vigil.start();
    await until('they see each other', () => both.every(({ vigil }) => vigil.others === 1));
    await redis.config('SET', 'maxmemory', '1');
    try {
      const full = performance.now();
      const aLeaseLater = (): boolean => performance.now() - full > LAPSE_MS;
      await until('all may speak', () => aLeaseLater() && both.every(({ lease }) => lease.maySpeak()), 2_400);
      expect(both.map((one) => one.redis.state)).toEqual(['up', 'up']);
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
  });

  it('no frame leaves without it, and speech goes on with it', () => {
    vi.useFakeTimers();
    try {
      let may = true;
      let frames = 0;
      const send = (): boolean => {
        frames += 1;
        return true;
      };
      const line: MediaLine = { bufferedAmount: 0, send, close: () => undefined };
      const playout = new Playout(new PlayoutClock(() => may), line, 16_000);
      playout.play({ pcm: Buffer.alloc(100 * FRAME_BYTES) });
      vi.advanceTimersByTime(500);
      const before = frames;
      expect(before).toBeGreaterThan(10);
      may = false;
      vi.advanceTimersByTime(5_000);
      expect(frames).toBe(before);
      may = true;
      vi.advanceTimersByTime(5_000);
      expect(frames).toBe(100);
      playout.close();
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('rule 9: sweeps doubt themselves', () => {
  it('a worker whose own contact with Redis broke declares nobody dead until it is whole for twice the lapse', async () => {
    const dead = await watching();
    await dead.vigil.start();
    await hasCall(dead, 'call');
    let sweptAt = Number.NaN;
    const doubting = await watching({
      orphan: async () => {
        sweptAt = performance.now();
        return true;
      },
    });
    await doubting.vigil.start();
    await trusting(doubting);
    dead.proxy.set({ kind: 'hang' });
    // Its beat stands still; so does the watcher's own connection, for a moment.
    doubting.proxy.set({ kind: 'hang' });
    await until('contact broke', () => doubting.redis.unbrokenSince() === undefined);
    const brokenAt = performance.now();
    doubting.proxy.set({ kind: 'pass' });
    await until('it swept', () => !Number.isNaN(sweptAt));
    expect(sweptAt - brokenAt).toBeGreaterThanOrEqual(2 * LAPSE_MS);
  });

  it('of several sweepers one has the dead worker; when that one dies another has, after its claim', async () => {
    const one = await watching();
    const two = await watching();
    const claims = await Promise.all([
      one.registry.mark('dead', '', one.id),
      two.registry.mark('dead', '', two.id),
    ]);
    expect(claims.sort()).toEqual(['mine', 'taken']);
    const mark = keys.workerKey('dead', Component.HEALTH);
    const first = (await redis.hget(mark, 'by')) === one.id ? one : two;
    const second = first === one ? two : one;
    // Sure of its own claim, whose answer was lost.
    expect(await first.registry.mark('dead', '', first.id)).toBe('mine');
    expect(await second.registry.mark('dead', '', second.id)).toBe('taken');
    await redis.hincrby(mark, 'at', -10_001);
    expect(await second.registry.mark('dead', '', second.id)).toBe('mine');
    expect(await first.registry.mark('dead', '', first.id)).toBe('taken');
    expect(await redis.ttl(mark)).toBeGreaterThan(0);
  });

  it('a worker that beat since it was looked at is alive, and is left alone', async () => {
    const worker = await watching();
    await worker.vigil.start();
    const other = await watching();
    expect(await other.registry.mark(worker.id, 'an older beat', other.id)).toBe('alive');
    expect(await redis.exists(keys.workerKey(worker.id, Component.HEALTH))).toBe(0);
  });

  it('an owner that looks after a media worker finds nobody dead in a Redis that takes no beats', async () => {
    const mediaWorker = await watching();
    const owner = await watching();
    await mediaWorker.vigil.start();
    await owner.vigil.start();
    await trusting(owner);
    const look = createLookAfter({
      isBeating: (workerId) => owner.registry.isBeating(workerId),
      unbrokenSince: () => owner.redis.unbrokenSince(),
      lost: async () => undefined,
      secondLookMs: 500,
    });
    const beat = keys.workerKey(mediaWorker.id, Component.HEARTBEAT);
    await redis.config('SET', 'maxmemory', '1');
    try {
      await until('its last beat expired', async () => (await redis.exists(beat)) === 0);
      expect(await look('call', mediaWorker.id, 1)).toBe(false);
    } finally {
      await redis.config('SET', 'maxmemory', '0');
    }
    await trusting(owner);
    expect(await look('call', mediaWorker.id, 1)).toBe(false);
    mediaWorker.proxy.set({ kind: 'hang' });
    await until('it is found out', () => look('call', mediaWorker.id, 1));
  });

  it('what could not be told is told again', async () => {
    const dead = await watching();
    await dead.vigil.start();
    await hasCall(dead, 'call');
    let asked = 0;
    const other = await watching({
      orphan: async () => {
        asked += 1;
        return asked > 1;
      },
    });
    await other.vigil.start();
    await trusting(other);
    dead.proxy.set({ kind: 'hang' });
    await until('it is told', () => asked > 1);
    await until('its list is gone', async () => {
      return (await redis.exists(keys.workerKey(dead.id, Component.AFFINITY))) === 0;
    });
  });
});
