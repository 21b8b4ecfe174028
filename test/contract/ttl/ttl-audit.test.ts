/** The TTL audit on a real Redis: what it finds, what it repairs, what it must never touch, and what it costs. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initialState } from '../../../src/call/state.js';
import { MemoManager } from '../../../src/memory/memo-manager.js';
import { auditTtls, type TtlAuditOptions } from '../../../src/ops/ttl-audit.js';
import { RedisKeyManager } from '../../../src/stores/keys.js';
import { type BatchOperation, RedisManager } from '../../../src/stores/redis/index.js';
import { type RedisServer, startCluster, startRedis } from '../../support/redis-servers.js';
import { openRedis, seal } from '../memory/support.js';

let server: RedisServer;
let redis: RedisManager;

beforeEach(async () => {
  server = await startRedis();
  redis = await openRedis(server);
});
afterEach(async () => {
  await redis.close();
  await server.stop();
});

const audit = (options: Partial<TtlAuditOptions> = {}) => auditTtls({ redis, ...options });
const ttl = async (key: string): Promise<number> => Number(await server.cli('ttl', key));
const call = (id: string, component: string): string => `rtvoice:test:call:${id}:${component}`;
const conversation = (id: string, component: string): string =>
  `rtvoice:test:conversation:${id}:${component}`;
const LIVE = 'rtvoice:test:system:calls:live';

async function send(operations: readonly BatchOperation[]): Promise<void> {
  for (const reply of await redis.batch(operations)) if (!reply.ok) throw reply.failure;
}

function session(
  id: string,
  phase: string,
  { seq = 0, ar = 0, ttl: seconds = 1800 }: { seq?: number; ar?: number; ttl?: number } = {},
): BatchOperation[] {
  const d = JSON.stringify({
    state: { ...initialState(), phase },
    origin: { correlationId: id },
    workerUrl: '',
  });
  const marks = [
    'inc',
    'i',
    'oe',
    '1',
    'on',
    'n',
    'me',
    '1',
    'mw',
    '',
    'seq',
    seq,
    'cid',
    'c',
    'ar',
    ar,
    'd',
    d,
  ];
  return [
    ['hset', call(id, 'session'), ...marks],
    ...(seconds > 0 ? ([['expire', call(id, 'session'), seconds]] as const) : []),
  ];
}

describe('what it finds', () => {
  test('nothing among keys that live by policy', async () => {
    await send([
      ...session('a', 'connected'),
      ['zadd', LIVE, Date.now(), 'a'],
      ...session('over', 'ended', { seq: 3, ar: 3 }),
      ['set', call('over', 'summary'), '{}', 'EX', 7 * 24 * 3600],
      ['hset', conversation('a', 'history'), '1', 'x'],
      ['expire', conversation('a', 'history'), 7200],
      ['hset', conversation('a', 'context'), 'data', 'x', 'version', '1'],
      ['expire', conversation('a', 'context'), 1800],
      ['set', conversation('a', 'auth'), 'x', 'EX', 900],
      ['set', 'rtvoice:test:worker:w1:heartbeat', '1', 'EX', 3],
      ['sadd', 'rtvoice:test:worker:w1:affinity', 'a'],
      ['expire', 'rtvoice:test:worker:w1:affinity', 3600],
      ['set', 'rtvoice:test:cache:tts:0123', 'x', 'EX', 86_400],
      ['set', 'rtvoice:test:cache:incoming:c1', 'x', 'EX', 86_400],
      ['set', 'rtvoice:test:cache:s1:profile', 'x', 'EX', 300],
      ['set', `${conversation('a', 'context')}:aside`, 'x', 'EX', 7 * 24 * 3600],
      ['set', `${call('a', 'session')}:aside:1700000000000`, 'x', 'EX', 60],
      ['set', `${conversation('a', 'context')}:legacy_session:aside`, 'x', 'EX', 60],
      ['set', 'rtvoice:prod:cache:tts:not-ours', 'x'],
      ['set', 'somebody:elses', 'x'],
    ]);
    const memo = await MemoManager.fromRedis('library', redis, { seal });
    await memo.appendToHistory('user', 'hi');
    await memo.setAuthenticated();
    await memo.persist();
    const report = await audit();
    expect(report).toMatchObject({ total: 0, complete: true, samples: [], repaired: 0, woken: 0 });
    // 15 of ours in the list, of which the heartbeat may have gone, and 4 of the conversation.
    expect([18, 19]).toContain(report.scanned);
    expect(await audit({ repair: true })).toMatchObject({ total: 0, repaired: 0 });
  });

  test('each kind, by name, and hides what may be a number in keys of unknown shape', async () => {
    await send([
      ['set', 'rtvoice:test:cache:tts:forever', 'x'],
      ['set', 'rtvoice:test:cache:tts:long', 'x', 'EX', 90_000],
      ['set', 'rtvoice:test:worker:w:heartbeat', '1', 'EX', 60],
      ['set', 'rtvoice:test:caller:+4915155500000', 'x', 'EX', 5],
      ['set', 'rtvoice:test:short', 'x', 'EX', 5],
      ['set', call('c', 'heartbeat'), 'x', 'EX', 5],
      ['set', conversation('c', 'history'), 'no hash', 'EX', 5],
      ...session('lost', 'connected'),
      ['zadd', LIVE, Date.now() - 120_000, 'ghost', Date.now(), 'being-set-up'],
    ]);
    const reports: unknown[] = [];
    const report = await audit({
      record: async (found) => {
        reports.push(found);
      },
    });
    expect(report.offenders).toEqual({
      no_ttl: 1,
      ttl_above_policy: 2,
      unknown_shape: 4,
      orphan_index: 1,
      orphan_session: 1,
    });
    expect(report.total).toBe(9);
    expect(reports).toEqual([report]);
    expect(JSON.stringify(report)).not.toContain('4915155500000');
    expect(report.samples).toContainEqual({ kind: 'no_ttl', key: 'rtvoice:test:cache:tts:forever' });
    expect(report.samples).toContainEqual({ kind: 'orphan_index', key: `${LIVE}#ghost` });
  });

  test('follows TTL_MULTIPLIER, but for heartbeats', async () => {
    const doubled = await openRedis(server, { ttlMultiplier: 2 });
    await send([
      ['set', conversation('a', 'auth'), 'x', 'EX', 1800],
      ['set', 'rtvoice:test:worker:w:heartbeat', '1', 'EX', 6],
    ]);
    expect((await auditTtls({ redis: doubled })).offenders).toMatchObject({ ttl_above_policy: 1 });
    expect((await audit()).offenders).toMatchObject({ ttl_above_policy: 2 });
    await doubled.close();
  });
});

describe('repair (rule of state 10: it wakes, and never expires what is unarchived)', () => {
  test('gives the TTL of the policy, and leaves unknown shapes alone', async () => {
    await send([
      ['set', 'rtvoice:test:cache:tts:forever', 'x'],
      ['set', 'rtvoice:test:worker:w:heartbeat', '1', 'EX', 60],
      ['set', conversation('a', 'auth'), 'x'],
      ['hset', conversation('a', 'context'), 'data', 'x'],
      ...session('over', 'ended', { seq: 3, ar: 3, ttl: 0 }),
      ['set', call('gone', 'summary'), '{}', 'EX', 600],
      ['hset', conversation('gone', 'history'), '1', 'x'],
      ['set', 'rtvoice:test:unknown', 'x'],
    ]);
    const report = await audit({ repair: true });
    expect(report).toMatchObject({ total: 7, repaired: 6, woken: 0 });
    expect(await ttl('rtvoice:test:cache:tts:forever')).toBeGreaterThan(86_390);
    expect(await ttl('rtvoice:test:worker:w:heartbeat')).toBeLessThanOrEqual(3);
    expect(await ttl(conversation('a', 'auth'))).toBeGreaterThan(890);
    expect(await ttl(conversation('a', 'context'))).toBeGreaterThan(1790);
    expect(await ttl(call('over', 'session'))).toBeGreaterThan(1790);
    expect(await ttl(conversation('gone', 'history'))).toBeGreaterThan(7190);
    expect(await ttl('rtvoice:test:unknown')).toBe(-1);
    await server.cli('del', 'rtvoice:test:unknown');
    expect(await audit()).toMatchObject({ total: 0 });
  });

  const unarchived: [string, BatchOperation[], string[]][] = [
    [
      'turns that the archive has not',
      [...session('c', 'ended', { seq: 4, ar: 3, ttl: 0 }), ['hset', conversation('c', 'history'), '4', 'x']],
      [call('c', 'session'), conversation('c', 'history')],
    ],
    [
      'a call that has not ended',
      [
        ...session('c', 'disconnected', { seq: 4, ar: 4, ttl: 90_000 }),
        ['zadd', LIVE, Date.now(), 'c'],
        ['hset', conversation('c', 'context'), 'data', 'x'],
        ['set', call('c', 'recording'), 'x'],
      ],
      [call('c', 'session'), conversation('c', 'context'), call('c', 'recording')],
    ],
    [
      'a journal without session or summary',
      [['hset', conversation('c', 'history'), '1', 'x']],
      [conversation('c', 'history')],
    ],
    [
      'a session whose state cannot be read',
      [['hset', call('c', 'session'), 'inc', 'i', 'seq', '0', 'ar', '0', 'd', '{half']],
      [call('c', 'session')],
    ],
  ];
  test.each(unarchived)('never expires %s: it wakes the owner, once', async (_what, operations, keys) => {
    await send(operations);
    const before = await Promise.all(keys.map(ttl));
    for (const outcome of ['woken', 'failed', 'gone'] as const) {
      const asked: string[] = [];
      const report = await audit({
        repair: true,
        wake: async (callId) => {
          asked.push(callId);
          return outcome;
        },
      });
      expect(asked).toEqual(['c']);
      expect(report).toMatchObject({ repaired: 0, woken: outcome === 'woken' ? 1 : 0 });
      const after = await Promise.all(keys.map(ttl));
      expect(after.map((seconds, at) => Math.abs(seconds - (before[at] ?? 0)) < 20)).toEqual(
        keys.map(() => true),
      );
    }
    // With nobody to be asked it is the same.
    await audit({ repair: true });
    await audit({ repair: true, wake: () => Promise.reject(new Error('no sidecar')) });
    expect((await Promise.all(keys.map(ttl))).every((seconds) => seconds === -1 || seconds > 80_000)).toBe(
      true,
    );
  });

  test('puts a live call that the index lost back into it, and wakes it', async () => {
    await send(session('lost', 'connected'));
    const asked: string[] = [];
    const wake = async (callId: string) => {
      asked.push(callId);
      return 'woken' as const;
    };
    expect(await audit({ repair: true, wake })).toMatchObject({ offenders: { orphan_session: 1 }, woken: 1 });
    expect(asked).toEqual(['lost']);
    expect(await server.cli('zscore', LIVE, 'lost')).toBe('0');
  });

  test('an index entry goes only when no owner knows the call, and nobody touched it meanwhile', async () => {
    const old = Date.now() - 120_000;
    const outcomes = { known: 'woken', unknown: 'gone', unreachable: 'failed', touched: 'gone' } as const;
    await send(Object.keys(outcomes).map((id) => ['zadd', LIVE, old, id] as const));
    const report = await audit({
      repair: true,
      wake: async (callId) => {
        if (callId === 'touched') await server.cli('zadd', LIVE, String(Date.now()), callId);
        return outcomes[callId as keyof typeof outcomes];
      },
    });
    expect(report).toMatchObject({ offenders: { orphan_index: 4 }, repaired: 1, woken: 1 });
    const left = (await server.cli('zrange', LIVE, '0', '-1')).split('\n').sort();
    expect(left).toEqual(['known', 'touched', 'unreachable']);
  });
});

describe('cost', () => {
  test('finds 100 offenders among 100,000 keys without a command over 5 ms', async () => {
    const batch: BatchOperation[] = [];
    for (let n = 0; n < 97_000; n += 1) {
      batch.push(['set', `rtvoice:test:cache:tts:${n}`, 'x'.repeat(n % 50), 'EX', 3600]);
    }
    for (let n = 0; n < 700; n += 1) {
      const id = `call-${n}`;
      batch.push(...session(id, 'connected', { seq: 20, ar: 18 }), ['zadd', LIVE, Date.now(), id]);
      batch.push(['hset', conversation(id, 'history'), ...Array.from({ length: 40 }, (_, at) => `${at}`)]);
      batch.push(['expire', conversation(id, 'history'), 7200]);
      batch.push(['hset', conversation(id, 'context'), 'data', 'x'.repeat(3000), 'version', '1']);
      batch.push(['expire', conversation(id, 'context'), 1800]);
    }
    for (let n = 0; n < 799; n += 1) batch.push(['set', conversation(`x${n}`, 'auth'), 'x', 'EX', 900]);
    for (let n = 0; n < 40; n += 1) batch.push(['set', `rtvoice:test:cache:tts:forever-${n}`, 'x']);
    for (let n = 0; n < 30; n += 1)
      batch.push(['set', `rtvoice:test:cache:tts:long-${n}`, 'x', 'EX', 100_000]);
    for (let n = 0; n < 10; n += 1) batch.push(['set', `rtvoice:test:odd:${n}:x:y:z`, 'x', 'EX', 60]);
    for (let n = 0; n < 10; n += 1) batch.push(...session(`lost-${n}`, 'connected'));
    for (let n = 0; n < 10; n += 1) batch.push(['zadd', LIVE, Date.now() - 600_000, `ghost-${n}`]);
    for (let at = 0; at < batch.length; at += 2_000) await send(batch.slice(at, at + 2_000));
    expect(await server.cli('dbsize')).toBe(String(97_000 + 2_100 + 799 + 40 + 30 + 10 + 10 + 1));
    await server.cli('config', 'set', 'slowlog-log-slower-than', '5000');
    await server.cli('config', 'set', 'slowlog-max-len', '1000');

    // A busy machine may stop the server in mid-command; a command that is slow by itself is slow every time.
    const slow: string[] = [];
    for (let tries = 1; tries <= 12; tries += 1) {
      await server.cli('slowlog', 'reset');
      const report = await audit();
      expect(report.offenders).toEqual({
        no_ttl: 40,
        ttl_above_policy: 30,
        unknown_shape: 10,
        orphan_index: 10,
        orphan_session: 10,
      });
      expect(report.total).toBe(100);
      expect(report.scanned).toBeGreaterThanOrEqual(99_990);
      slow.push(await server.cli('slowlog', 'get', '10'));
      if (slow.at(-1) === '') break;
    }
    expect(slow.at(-1)).toBe('');
    const repaired = await audit({ repair: true, wake: async () => 'gone' });
    expect(repaired).toMatchObject({ total: 100, repaired: 80 });
  }, 180_000);
});

test('works on a cluster, where the keys of a session share a tag', async () => {
  const cluster = await startCluster();
  const keys = new RedisKeyManager({ environment: 'test', hashTags: true });
  const manager = new RedisManager({
    redis: { mode: 'cluster', port: cluster.nodes[0]?.port ?? 0, deadlineMs: 4000, stallMs: 8000 },
    keys,
  });
  try {
    await manager.start({ waitMs: 20_000 });
    await manager.hset(keys.conversationKey('a', 'context'), { data: 'x' });
    await manager.hset(keys.conversationKey('b', 'history'), { 1: 'x' });
    await manager.set(keys.cacheKey('tts', 'a'), 'x', {});
    const asked: string[] = [];
    const wake = async (callId: string) => {
      asked.push(callId);
      return 'woken' as const;
    };
    const report = await auditTtls({ redis: manager, repair: true, wake });
    expect(report).toMatchObject({ scanned: 3, total: 3, repaired: 2, woken: 1 });
    expect(asked).toEqual(['b']);
    expect(await manager.ttl(keys.conversationKey('b', 'history'))).toBe(-1);
  } finally {
    await manager.close();
    await cluster.stop();
  }
}, 60_000);
