/** What a worker keeps of callers, accesses and its own use: profiles, audit log, snapshots; on real stores. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sealRemembered } from '../../src/actors/remembered.js';
import type { CallLink } from '../../src/media/ports.js';
import { emptyContext } from '../../src/memory/context.js';
import { auditKeyFrom, dayOf } from '../../src/record/audit-record.js';
import { verifyAudit } from '../../src/record/audit-verify.js';
import type { Profile } from '../../src/record/profile.js';
import { ProfileStore } from '../../src/record/profiles.js';
import { allOf } from '../../src/record/record-port.js';
import { SystemMetrics } from '../../src/record/system-metrics.js';
import type { Cosmos } from '../../src/stores/cosmos/client.js';
import { CosmosRecords } from '../../src/stores/cosmos/record-container.js';
import type { RedisManager } from '../../src/stores/redis/manager.js';
import { type AuditParts, createAudit } from '../../src/worker/audit.js';
import { ProfileCache, type ProfileSource } from '../../src/worker/profile-cache.js';
import { createProfiles, linkWithProfiles } from '../../src/worker/profiles.js';
import { startSnapshots } from '../../src/worker/snapshots.js';
import { openRedis } from '../contract/memory/support.js';
import { type RedisServer, startRedis, until } from '../support/redis-servers.js';
import { type CosmosRig, dataKey, madeCall, seal, silent, startCosmosRig } from './rig.js';

let rig: CosmosRig;
let cosmos: Cosmos;
let server: RedisServer;
let redis: RedisManager;
beforeAll(async () => {
  [rig, server] = await Promise.all([startCosmosRig(), startRedis()]);
  redis = await openRedis(server);
}, 60_000);
afterAll(async () => {
  await redis?.close();
  await server?.stop();
  await rig?.stop();
});
beforeEach(async () => {
  rig.proxy.fault = undefined;
  cosmos = await rig.open();
  await server.cli('flushall');
});

describe("a caller's profile", () => {
  function parts() {
    const store = new ProfileStore({ container: new CosmosRecords(cosmos, 'profiles') });
    const sources: ProfileSource[] = [];
    const cache = new ProfileCache({
      redis,
      seal,
      load: (subjectId) => store.get(subjectId),
      log: silent,
      measured: (_ms, from) => sources.push(from),
    });
    return { store, cache, sources, profiles: createProfiles({ store, cache, seal, language: 'en-US' }) };
  }
  const noted = (callId: string, profile: object): { remembered: string } => {
    const remembered = sealRemembered(seal, callId, { profile });
    if (remembered === undefined) throw new Error('nothing was noted');
    return { remembered };
  };

  it('is updated once a call, with what the agent noted, and nothing of it in clear', async () => {
    const { store, cache, profiles, sources } = parts();
    const first = madeCall('p1', 2).summary;
    const wish = { summary: 'asked about a dented door', preferences: { name: 'Ada' }, language: 'de-DE' };
    await profiles.recordCall('subject', {
      ...first,
      ...noted('p1', { ...wish, consents: { preferences: true } }),
    });
    await profiles.recordCall('subject', { ...first, ...noted('p1', wish) });
    await profiles.recordCall('subject', madeCall('p2', 2, { startedAtMs: Date.now() }).summary);
    const profile = await store.get('subject');
    expect(profile).toMatchObject({ callCount: 2, language: 'en-US', sessions: ['p1', 'p2'] });
    expect(profile?.consents.preferences?.granted).toBe(true);
    const key = redis.keyManager.cacheKey('subject', 'profile');
    const cached = await server.cli('get', key);
    expect(Number(await server.cli('ttl', key))).toBeGreaterThan(0);
    for (const stored of [JSON.stringify(profile), cached]) expect(stored).not.toMatch(/door|Ada/);

    const link = {
      attach: async () => ({
        ok: true,
        origin: { correlationId: '', subjectId: 'subject' },
        context: emptyContext(),
      }),
    } as unknown as CallLink;
    const attached = await linkWithProfiles(link, cache, seal).attach('p3', { correlationId: '' }, undefined);
    expect(attached).toMatchObject({
      context: {
        values: {
          caller: { callCount: 2, summary: 'asked about a dented door', preferences: { name: 'Ada' } },
        },
      },
    });
    expect(sources).toEqual(['cache']);
  });

  it('keeps preferences only while they are consented to', async () => {
    const { store, profiles } = parts();
    const call = madeCall('q1', 1).summary;
    await profiles.recordCall('other', { ...call, ...noted('q1', { preferences: { tone: 'short' } }) });
    expect((await store.get('other'))?.preferences).toBeUndefined();
    // What is no note is left out.
    const odd = noted('q2', { language: 7, consents: { preferences: 'yes' }, summary: ['x'] });
    await profiles.recordCall('other', { ...madeCall('q2', 1).summary, ...odd });
    expect(await store.get('other')).toMatchObject({ callCount: 2, language: 'en-US', consents: {} });
  });

  it('comes from Cosmos where the cache has none, then from the cache; its absence too', async () => {
    const { store, cache, sources } = parts();
    await store.recordCall({ subjectId: 's', sessionId: 'c', endedAt: '2026-04-01T00:00:00.000Z' });
    expect((await cache.read('s', 5_000)).profile?.callCount).toBe(1);
    expect((await cache.read('s', 5_000)).profile?.callCount).toBe(1);
    expect((await cache.read('nobody', 5_000)).profile).toBeUndefined();
    expect(await cache.read('nobody', 5_000)).toEqual({ from: 'cache', profile: undefined });
    expect(sources).toEqual(['store', 'cache', 'store', 'cache']);
    await server.cli('set', redis.keyManager.cacheKey('s', 'profile'), 'v1.tampered');
    expect(await cache.read('s', 5_000)).toMatchObject({ from: 'store', profile: { callCount: 1 } });
    await cache.forget('s');
    expect(await server.cli('exists', redis.keyManager.cacheKey('s', 'profile'))).toBe('0');
  });

  it('is never waited for past its deadline; what comes late is there for the next call', async () => {
    const { store, cache } = parts();
    await store.recordCall({ subjectId: 'slow', sessionId: 'c', endedAt: '2026-04-01T00:00:00.000Z' });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reads = 0;
    const slow = new ProfileCache({
      redis,
      seal,
      load: async (subjectId) => {
        reads++;
        await held;
        return store.get(subjectId);
      },
      log: silent,
    });
    const started = performance.now();
    const both = await Promise.all([slow.read('slow'), slow.read('slow')]);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(both).toEqual(Array(2).fill({ from: 'late', profile: undefined }));
    expect(reads).toBe(1);
    release();
    await until('the late profile', async () => (await cache.read('slow', 5_000)).from === 'cache');
    rig.proxy.fault = () => ({ kind: 'hang' });
    expect((await slow.read('slow', 5_000)).profile?.callCount).toBe(1);
  });

  it('read before an update does not replace what the update wrote', async () => {
    const { store, profiles } = parts();
    const old: Profile = await store.recordCall({
      subjectId: 'r',
      sessionId: 'a',
      endedAt: '2026-04-01T00:00:00.000Z',
    });
    const late = new ProfileCache({
      redis,
      seal,
      load: async () => {
        await profiles.recordCall('r', madeCall('b', 1).summary);
        return old;
      },
      log: silent,
    });
    await late.read('r', 5_000);
    expect(await late.read('r', 5_000)).toMatchObject({ from: 'cache', profile: { callCount: 2 } });
  });
});

describe('the audit log of a worker', () => {
  const today = (): string => dayOf(Date.now());
  const auditOf = (over: Partial<AuditParts> = {}) =>
    createAudit({
      container: new CosmosRecords(cosmos, 'audit'),
      dataKey,
      workerId: 'w1',
      log: silent,
      ...over,
    });
  async function records(): Promise<Record<string, unknown>[]> {
    const found = [];
    const query = {
      text: 'SELECT * FROM c WHERE c.day = @day AND c.n > 0 ORDER BY c.n ASC',
      parameters: { day: today() },
    };
    for await (const item of allOf(new CosmosRecords(cosmos, 'audit'), today(), query)) found.push(item);
    return found;
  }

  it('turns a flood at a door into counts, and keeps other kinds apart', async () => {
    const audit = auditOf();
    for (let n = 0; n < 5_000; n++)
      audit.security({ code: 'RTV_UNAUTHORIZED', door: 'api', correlationId: `c${n}` });
    audit.security({ code: 'RTV_CALL_TOKEN_INVALID', door: 'media' });
    await audit.stop();
    expect(await records()).toEqual([
      expect.objectContaining({
        ...{ action: 'security.refused', correlationId: 'c0', actor: 'w1' },
        detail: { code: 'RTV_UNAUTHORIZED', door: 'api' },
      }),
      expect.objectContaining({ detail: { code: 'RTV_CALL_TOKEN_INVALID', door: 'media' } }),
      expect.objectContaining({
        action: 'security.refused_more',
        detail: { code: 'RTV_UNAUTHORIZED', door: 'api', count: 4_999 },
      }),
    ]);
  });

  it('tells which settings are set and whether one changed, and no value', async () => {
    const audit = auditOf();
    const settings = {
      REDIS_HOST: 'cache.example',
      API_TOKEN: 'secret-secret-secret',
      READ_TOKEN: undefined,
      PORT: 80,
    };
    audit.configured(settings);
    audit.configured({ ...settings });
    audit.configured({ ...settings, PORT: 81 });
    await audit.stop();
    const details = (await records()).map(({ detail }) => detail as Record<string, string>);
    expect(details.map(({ settings: names }) => names)).toEqual(Array(3).fill('API_TOKEN PORT REDIS_HOST'));
    expect(details[0]?.hmac).toBe(details[1]?.hmac);
    expect(details[2]?.hmac).not.toBe(details[0]?.hmac);
    expect(JSON.stringify(details)).not.toMatch(/secret|example/);
  });

  it('holds Redis operations as a digest that goes on from the one before', async () => {
    await redis.set('digest-a', '1', { ttl: 60 });
    const audit = auditOf({ takeDigest: () => redis.takeAuditDigest(), everyMs: 50 });
    await until('a digest', async () => (await records()).length > 0);
    await redis.get('digest-a');
    await audit.stop();
    const details = (await records()).map(({ action, detail }) => ({ action, ...(detail as object) }));
    expect(details.every(({ action }) => action === 'redis.digest')).toBe(true);
    const chain = details as unknown as { previous: string; sha256: string; firstSequence: number }[];
    for (const [at, digest] of chain.entries()) {
      if (at > 0) expect(digest.previous).toBe(chain[at - 1]?.sha256);
    }
    expect(JSON.stringify(details)).not.toContain('digest-a');
    const report = await verifyAudit(
      new CosmosRecords(cosmos, 'audit'),
      auditKeyFrom(dataKey),
      today(),
      today(),
    );
    expect(report).toMatchObject({ ok: true, records: chain.length });
  });

  it('says no within its time while Cosmos is away, and writes when it is back', async () => {
    const audit = auditOf();
    rig.proxy.fault = () => ({ kind: 'status', status: 503 });
    expect(await audit.record({ action: 'transcript.read', sessionId: 'x' }, 200)).toBe(false);
    audit.tell({ action: 'subject.erased', subjectHash: 'ab', detail: { phase: 'done' } });
    rig.proxy.fault = undefined;
    expect(await audit.record({ action: 'transcript.read', sessionId: 'y' }, 10_000)).toBe(true);
    await audit.stop();
    expect((await records()).map(({ action, subjectHash }) => subjectHash ?? action)).toEqual([
      'transcript.read',
      'ab',
      'transcript.read',
    ]);
  });

  it('writes nothing behind a head of another key', async () => {
    const other = createAudit({
      ...{ container: new CosmosRecords(cosmos, 'audit'), workerId: 'w9', log: silent },
      dataKey: randomBytes(32),
    });
    expect(await other.record({ action: 'x' }, 10_000)).toBe(true);
    await other.stop();
    const errors: object[] = [];
    const log = Object.assign(Object.create(silent) as typeof silent, {
      error: (fields: object) => errors.push(fields),
    });
    const audit = auditOf({ log });
    expect(await audit.record({ action: 'y' }, 500)).toBe(false);
    await audit.stop();
    expect(errors[0]).toMatchObject({ code: 'RTV_AUDIT_TAMPERED', what: 'head_forged' });
    expect(await records()).toHaveLength(1);
  });
});

describe('snapshots of metrics', () => {
  it('are written by one worker of three in each period, with capacity and use', async () => {
    const metrics = new SystemMetrics(new CosmosRecords(cosmos, 'metrics'), 3_600);
    const begun = performance.now();
    const ends = ['w1', 'w2', 'w3'].map((workerId) =>
      startSnapshots({ redis, metrics, workerId, log: silent, own: () => ({ rss_bytes: 5 }), periodMs: 400 }),
    );
    const all = async () => {
      const found = [];
      for await (const snapshot of metrics.ofDay(dayOf(Date.now()))) found.push(snapshot);
      return found;
    };
    await until('three snapshots', async () => (await all()).length >= 3);
    await Promise.all(ends.map((end) => end()));
    const found = await all();
    expect(found.length).toBeLessThanOrEqual((performance.now() - begun) / 400 + 1);
    expect(found[0]?.values).toMatchObject({ worker_rss_bytes: 5, calls_live: 0 });
    expect(found[0]?.values.redis_used_bytes).toBeGreaterThan(100_000);
    expect(found[0]?.values.redis_connections).toBeGreaterThan(0);
    expect(found[0]?.values.redis_keys).toBe(1);
  });
});
