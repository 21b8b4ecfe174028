import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WINDOW_TURNS } from '../../../src/memory/context.js';
import { MemoManager } from '../../../src/memory/memo-manager.js';
import { MAX_MEMORY_BYTES } from '../../../src/memory/patches.js';
import { localSeal } from '../../../src/privacy/seal.js';
import { createJournal } from '../../../src/stores/journal.js';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { newId, openRedis, seal } from './support.js';

let server: RedisServer;
let redis: RedisManager;

beforeAll(async () => {
  server = await startRedis();
  redis = await openRedis(server);
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

const load = (id: string, options: Parameters<typeof MemoManager.fromRedis>[2] = {}) =>
  MemoManager.fromRedis(id, redis, { seal, ...options });
const key = (id: string, component: string): string => `rtvoice:test:conversation:${id}:${component}`;
const sessionKey = (id: string): string => `rtvoice:test:call:${id}:session`;
const texts = async (memo: MemoManager, agent?: string): Promise<string[]> =>
  (await memo.getHistory(agent)).map(({ text }) => text);

describe('context', () => {
  test('slots, tool outputs, system prompt, agent and values come back, also in the spelling of Python', async () => {
    const id = newId();
    const memo = await load(id);
    await memo.setSlot('name', 'Alice Müller');
    await memo.setSlot('gone', 1);
    await memo.removeSlot('gone');
    await memo.setToolOutput('authenticate_caller', { ok: true, attempt: 1 });
    await memo.setSystemPrompt('You are kind.');
    await memo.updateContext({ active_agent: 'FNOL', claim: { parts: ['bumper'] }, dropped: 1 });
    await memo.updateContext({ dropped: null, __proto__: { polluted: true } });

    const again = await load(id);
    expect(again.slots).toEqual({ name: 'Alice Müller' });
    expect(again.getToolOutput('authenticate_caller')).toEqual({ ok: true, attempt: 1 });
    expect(again.systemPrompt).toBe('You are kind.');
    expect(again.activeAgent).toBe('FNOL');
    expect(again.getContext('active_agent')).toBe('FNOL');
    expect(again.getContext('claim')).toEqual({ parts: ['bumper'] });
    expect(again.getContext()).toEqual(memo.getContext());
    expect(again.getContext('dropped')).toBeUndefined();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(again.getSlot('toString')).toBeUndefined();
  });

  test('nothing of it stands in clear in Redis, and every key has its TTL', async () => {
    const id = newId();
    const memo = await load(id);
    await memo.updateContext({ slots: { phone: '+4915155500000' }, note: 'Geheimnis' });
    await memo.appendToHistory('user', 'My name is Wintermute');
    await memo.setAuthenticated({ subjectId: 'Neuromancer' });
    await memo.persist();
    const keys = (await server.cli('keys', `*${id}*`)).split('\n');
    expect(keys.sort()).toEqual(
      [sessionKey(id), ...['auth', 'context', 'history'].map((part) => key(id, part))].sort(),
    );
    for (const name of keys) {
      const dump = await server.cli('dump', name);
      expect(dump).not.toMatch(/4915155500000|Geheimnis|Wintermute|Neuromancer/);
    }
    const ttls = await Promise.all(
      [sessionKey(id), key(id, 'context'), key(id, 'history'), key(id, 'auth')].map((name) =>
        server.cli('ttl', name).then(Number),
      ),
    );
    for (const [at, policy] of [1800, 1800, 7200, 900].entries()) {
      expect(ttls[at]).toBeGreaterThan(policy - 30);
      expect(ttls[at]).toBeLessThanOrEqual(policy);
    }
  });

  test('refuses what it cannot keep', async () => {
    const memo = await load(newId());
    const refused = { code: 'RTV_MEMORY_VALUE_REFUSED' };
    await expect(memo.updateContext({ authenticated: true })).rejects.toMatchObject(refused);
    await expect(memo.updateContext({ slots: 'no' })).rejects.toMatchObject(refused);
    await expect(memo.updateContext({ big: 1n })).rejects.toMatchObject(refused);
    await expect(memo.updateContext({ big: 'x'.repeat(MAX_MEMORY_BYTES) })).rejects.toMatchObject({
      code: 'RTV_MEMORY_TOO_LARGE',
    });
    expect(memo.getContext('big')).toBeUndefined();
    await expect(memo.appendToHistory('user', 'x'.repeat(32 * 1024 + 1))).rejects.toMatchObject({
      code: 'RTV_TURN_INVALID',
    });
    expect(() => new MemoManager({ environment: 'prod', redis, seal })).toThrow(
      expect.objectContaining({ code: 'RTV_MEMORY_ENVIRONMENT_DIFFERS' }),
    );
  });
});

describe('history', () => {
  test('is whole and per agent, the window bounded, and bytes per persist with it', async () => {
    const id = newId();
    const memo = await load(id);
    const sizes: number[] = [];
    for (let n = 1; n <= 90; n += 1) {
      if (n === 31) await memo.updateContext({ activeAgent: 'FNOL' });
      const said = await memo.appendToHistory(n % 2 ? 'user' : 'assistant', `sentence number ${n}`);
      expect(said).toEqual({ seq: n, durable: true });
      if (n % 30 === 0) {
        await memo.persist();
        sizes.push((await server.cli('hget', key(id, 'context'), 'data')).length);
      }
    }
    const again = await load(id);
    for (const one of [memo, again]) {
      expect(one.window).toHaveLength(WINDOW_TURNS);
      expect(one.window.map(({ seq }) => seq)).toEqual(
        Array.from({ length: WINDOW_TURNS }, (_, n) => n + 51),
      );
      expect(await texts(one)).toEqual(Array.from({ length: 90 }, (_, n) => `sentence number ${n + 1}`));
      expect(await texts(one, 'main')).toHaveLength(30);
      expect(await texts(one, 'FNOL')).toHaveLength(60);
    }
    expect((await again.getHistory())[1]).toMatchObject({ role: 'agent', agent: 'main' });
    const [, after60 = 0, after90 = 0] = sizes;
    expect(after90).toBeLessThan(after60 * 1.05);
  });

  test('without a snapshot the context comes back from the journal, with what the turns carried', async () => {
    const id = newId();
    const memo = await load(id);
    await memo.updateContext({ slots: { name: 'Bob', old: 1 }, activeAgent: 'Billing', mood: 'calm' });
    await memo.updateContext({ slots: { old: null }, systemPrompt: 'Be brief.' });
    await memo.appendToHistory('user', 'one');
    await memo.appendToHistory('agent', 'two');
    await server.cli('del', key(id, 'context'));
    const again = await load(id);
    expect(again.getContext()).toEqual(memo.getContext());
    expect(again.window).toEqual(memo.window);
  });

  test('goes on in the journal that outlived its session', async () => {
    const id = newId();
    await (await load(id)).appendToHistory('user', 'before');
    const incarnation = await server.cli('hget', sessionKey(id), 'inc');
    await server.cli('del', sessionKey(id), key(id, 'context'));
    const again = await load(id);
    expect(again.window.map(({ text }) => text)).toEqual(['before']);
    expect(await again.appendToHistory('agent', 'after')).toEqual({ seq: 2, durable: true });
    expect(await texts(await load(id))).toEqual(['before', 'after']);
    expect(await server.cli('hget', sessionKey(id), 'inc')).toBe(incarnation);
  });

  test('of a conversation that was in memory alone is written when it gets a Redis', async () => {
    const memo = new MemoManager({ environment: 'test', seal });
    expect(await memo.appendToHistory('user', 'one')).toEqual({ seq: 1, durable: false });
    expect(await memo.updateContext({ slots: { a: 1 } })).toEqual({ durable: false });
    await memo.appendToHistory('agent', 'two');
    await expect(memo.persist()).rejects.toMatchObject({ code: 'RTV_REDIS_UNAVAILABLE' });
    expect(await texts(memo)).toEqual(['one', 'two']);
    await memo.persist(redis);
    const again = await load(memo.sessionId);
    expect(await texts(again)).toEqual(['one', 'two']);
    expect(again.slots).toEqual({ a: 1 });
    const second = new MemoManager({ sessionId: memo.sessionId, seal });
    await expect(second.persist(redis)).rejects.toMatchObject({ code: 'RTV_FENCED_OWNER' });
  });
});

describe('ownership', () => {
  test('two managers fence each other: the stale one gets a code, and nothing of it is written', async () => {
    const id = newId();
    await (await load(id)).appendToHistory('user', 'one');
    const first = await load(id);
    const second = await load(id);
    await first.appendToHistory('agent', 'two, by the first');
    await expect(second.appendToHistory('agent', 'two, by the second')).rejects.toMatchObject({
      code: 'RTV_FENCED_OWNER',
    });
    expect(second.stale).toBe(true);
    await expect(second.updateContext({ slots: { x: 1 } })).rejects.toMatchObject({
      code: 'RTV_FENCED_OWNER',
    });
    const third = await load(id);
    await third.appendToHistory('user', 'three');
    for (const write of [
      () => first.appendToHistory('user', 'late'),
      () => first.persist(),
      () => first.setAuthenticated(),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'RTV_FENCED_OWNER' });
    }
    expect(first.isAuthenticated).toBe(false);
    const end = await load(id);
    expect(await texts(end)).toEqual(['one', 'two, by the first', 'three']);
    expect(end.slots).toEqual({});
    expect(await server.cli('exists', key(id, 'auth'))).toBe('0');
  });

  test('reading takes a session from nobody', async () => {
    const id = newId();
    const owner = await load(id);
    await owner.appendToHistory('user', 'one');
    await (await load(id)).getHistory();
    expect(await owner.appendToHistory('agent', 'two')).toEqual({ seq: 2, durable: true });
  });

  test('an actor that claims the session fences the manager, and reads its turns', async () => {
    const id = newId();
    const memo = await load(id);
    await memo.appendToHistory('user', 'one');
    const journal = createJournal(redis, redis.keyManager);
    const record = await journal.claim(id, 'an-activation');
    expect(record).toMatchObject({ seq: 1, ownerEpoch: 2 });
    if (typeof record !== 'object') throw new Error('not claimed');
    expect(JSON.parse(record.data)).toMatchObject({
      state: { phase: 'connecting' },
      origin: {},
      by: 'library',
    });
    expect(await journal.entries(id)).toHaveLength(1);
    await expect(memo.appendToHistory('user', 'two')).rejects.toMatchObject({ code: 'RTV_FENCED_OWNER' });
  });

  test('a call that has ended takes no more turns', async () => {
    const id = newId();
    await redis.setJson(`rtvoice:test:call:${id}:summary`, { schema: 1 }, { ttl: 60 });
    await expect((await load(id)).appendToHistory('user', 'hello?')).rejects.toMatchObject({
      code: 'RTV_CALL_ENDED',
    });
    expect(await server.cli('exists', sessionKey(id))).toBe('0');
  });

  test('many methods at once keep their order', async () => {
    const id = newId();
    const memo = await load(id);
    const said = Array.from({ length: 50 }, (_, n) => memo.appendToHistory('user', String(n)));
    await Promise.all([...said, memo.updateContext({ slots: { n: 1 } }), memo.persist()]);
    expect(await texts(await load(id))).toEqual(Array.from({ length: 50 }, (_, n) => String(n)));
  });

  test('a call session stored beforehand stays beside the marks of the owner', async () => {
    const id = newId();
    await redis.storeCallSession(id, { status: 'connected' });
    const memo = await load(id);
    expect(memo.problems).toEqual([]);
    expect(await memo.appendToHistory('user', 'hi')).toEqual({ seq: 1, durable: true });
    expect(await redis.getCallSession(id)).toEqual({ status: 'connected' });
  });
});

describe('authentication', () => {
  test('lives by its key and its own clock, and in another manager as it was stored', async () => {
    const id = newId();
    let clock = 1_000;
    const memo = await load(id, { monotonic: () => clock });
    expect(memo.isAuthenticated).toBe(false);
    await memo.setAuthenticated({ method: 'ssn' });
    expect(memo.isAuthenticated).toBe(true);
    expect(memo.getContext('authenticated')).toBe(true);
    clock += 899_000;
    expect(memo.isAuthenticated).toBe(true);
    clock += 1_001;
    expect(memo.isAuthenticated).toBe(false);

    let later = 0;
    const other = await load(id, { monotonic: () => later });
    expect(other.isAuthenticated).toBe(true);
    later += 900_000;
    expect(other.isAuthenticated).toBe(false);
    await server.cli('pexpire', key(id, 'auth'), '1');
    await expect.poll(() => server.cli('exists', key(id, 'auth'))).toBe('0');
    expect((await load(id)).isAuthenticated).toBe(false);
  });

  test('is ended by clearing it, and never by a value of the context given', async () => {
    const id = newId();
    const memo = await load(id);
    await memo.setAuthenticated();
    await memo.clearAuthentication();
    expect(memo.isAuthenticated).toBe(false);
    await memo.updateContext({ user_authenticated: true });
    expect((await load(id)).isAuthenticated).toBe(false);
  });

  test('an old state put back with a new life, one of another session, and one without TTL count for nothing', async () => {
    const id = newId();
    let now = Date.now();
    const memo = await load(id, { now: () => now });
    await memo.setAuthenticated();
    const value = await server.cli('get', key(id, 'auth'));
    now += 901_000;
    await server.cli('set', key(id, 'auth'), value, 'EX', '900');
    expect((await load(id, { now: () => now })).isAuthenticated).toBe(false);

    const thief = newId();
    await server.cli('set', key(thief, 'auth'), value, 'EX', '900');
    const problems: unknown[] = [];
    expect((await load(thief, { onProblem: (problem) => problems.push(problem) })).isAuthenticated).toBe(
      false,
    );
    expect(problems).toEqual([{ code: 'RTV_RECORD_UNREADABLE', what: 'auth' }]);

    await server.cli('persist', key(id, 'auth'));
    expect((await load(id)).isAuthenticated).toBe(false);
  });

  test('nobody is authenticated in memory alone', async () => {
    const memo = new MemoManager({ seal });
    await expect(memo.setAuthenticated()).rejects.toMatchObject({ code: 'RTV_REDIS_UNAVAILABLE' });
    expect(memo.isAuthenticated).toBe(false);
  });
});

describe('a damaged context', () => {
  const newer = (id: string): string =>
    JSON.stringify({
      schema: 1,
      throughSeq: 1,
      sealed: seal.protect('context', id, { schema: 2, wonders: [] }),
    });
  const cases: [string, string, (id: string) => string][] = [
    ['of a newer version', 'RTV_RECORD_UNREADABLE', newer],
    ['of a newer form', 'RTV_RECORD_UNREADABLE', () => JSON.stringify({ schema: 9 })],
    ['cut in half', 'RTV_RECORD_UNREADABLE', (id) => newer(id).slice(0, 40)],
    [
      'sealed with another key',
      'RTV_SEAL_BROKEN',
      (id) =>
        JSON.stringify({
          schema: 1,
          throughSeq: 1,
          sealed: localSeal(Buffer.alloc(32)).protect('context', id, {}),
        }),
    ],
  ];
  test.each(cases)('%s is set aside and rebuilt from the journal', async (_what, code, damaged) => {
    const id = newId();
    const memo = await load(id);
    await memo.updateContext({ slots: { name: 'Carol' } });
    await memo.appendToHistory('user', 'one');
    const data = damaged(id);
    await server.cli('hset', key(id, 'context'), 'data', data);
    const problems: unknown[] = [];
    const again = await load(id, { onProblem: (problem) => problems.push(problem) });
    expect(problems).toEqual([{ code, what: 'context' }]);
    expect(again.slots).toEqual({ name: 'Carol' });
    expect(again.window.map(({ text }) => text)).toEqual(['one']);
    expect(await server.cli('hget', `${key(id, 'context')}:aside`, 'data')).toBe(data);
    expect(Number(await server.cli('ttl', `${key(id, 'context')}:aside`))).toBeGreaterThan(600_000);
    await again.persist();
    expect((await load(id)).problems).toEqual([]);
  });

  test.each(cases)('%s gives a fresh one where the journal is gone too', async (_what, code, damaged) => {
    const id = newId();
    const memo = await load(id);
    await memo.updateContext({ slots: { name: 'Carol' } });
    await memo.appendToHistory('user', 'one');
    const data = damaged(id);
    await server.cli('hset', key(id, 'context'), 'data', data);
    await server.cli('del', key(id, 'history'));
    const again = await load(id);
    expect(again.problems).toEqual([{ code, what: 'context' }]);
    expect([again.slots, again.window]).toEqual([{}, []]);
    expect(await server.cli('hget', `${key(id, 'context')}:aside`, 'data')).toBe(data);
    expect(Number(await server.cli('ttl', `${key(id, 'context')}:aside`))).toBeGreaterThan(600_000);
    // The number that was given is not given again.
    expect(await again.appendToHistory('user', 'two')).toEqual({ seq: 2, durable: true });
    await again.persist();
    const third = await load(id);
    expect(third.problems).toEqual([]);
    expect(third.window.map(({ text }) => text)).toEqual(['two']);
  });

  test('of the wrong type, with nothing to rebuild it from, gives a fresh one', async () => {
    const id = newId();
    await server.cli('set', key(id, 'context'), 'what?');
    await server.cli('set', sessionKey(id), 'what?');
    await server.cli('set', key(id, 'history'), 'what?');
    const memo = await load(id);
    expect(memo.problems.map(({ what }) => what).sort()).toEqual(['context', 'session']);
    expect(await memo.appendToHistory('user', 'hello')).toEqual({ seq: 1, durable: true });
    await memo.persist();
    for (const name of [key(id, 'context'), sessionKey(id), key(id, 'history')]) {
      expect(await server.cli('get', `${name}:aside`)).toBe('what?');
    }
    expect(await texts(await load(id))).toEqual(['hello']);
  });

  test('of version 0 is migrated', async () => {
    const id = newId();
    const old = {
      ...{ schema: 0, throughSeq: 0, active_agent: 'FNOL', authenticated: true, greeted: true },
      ...{ slots: { policy_id: 'POL-A10001' }, tool_outputs: { find: { ok: true } } },
    };
    const data = JSON.stringify({ schema: 1, throughSeq: 0, sealed: seal.protect('context', id, old) });
    await server.cli('hset', key(id, 'context'), 'data', data, 'version', '1');
    const memo = await load(id);
    expect(memo.problems).toEqual([]);
    expect(memo.activeAgent).toBe('FNOL');
    expect(memo.slots).toEqual({ policy_id: 'POL-A10001' });
    expect(memo.getToolOutput('find')).toEqual({ ok: true });
    expect(memo.getContext('greeted')).toBe(true);
    expect(memo.isAuthenticated).toBe(false);
  });

  test('a turn whose words cannot be opened keeps its place', async () => {
    const id = newId();
    const memo = await load(id);
    await memo.appendToHistory('user', 'one');
    await memo.appendToHistory('user', 'two');
    const other = await load(newId());
    await other.appendToHistory('user', 'alien');
    await server.cli(
      'hset',
      key(id, 'history'),
      '1',
      await server.cli('hget', key(other.sessionId, 'history'), '1'),
    );
    await server.cli('del', key(id, 'context'));
    const again = await load(id);
    expect(again.problems).toContainEqual({ code: 'RTV_RECORD_UNREADABLE', what: 'turn' });
    expect(await texts(again)).toEqual(['', 'two']);
  });
});
