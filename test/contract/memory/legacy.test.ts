/** What the Python system left in Redis, moved: the real sample, damaged ones, and a crash at each step. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCallPart } from '../../../src/memory/legacy-call.js';
import { migrateLegacy } from '../../../src/memory/legacy-migration.js';
import { MemoManager } from '../../../src/memory/memo-manager.js';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { Crash, crashingAt } from './faulty-redis.js';
import { legacySample, newId, openRedis, seal } from './support.js';

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

const load = (id: string) => MemoManager.fromRedis(id, redis, { seal });
const migrate = (id: string, through = redis) => migrateLegacy(through, redis.keyManager, seal, id);
const keysOf = async (id: string): Promise<string[]> =>
  (await server.cli('keys', `*${id}*`)).split('\n').filter(Boolean).sort();
const asideKey = (id: string, source: string): string =>
  `rtvoice:test:conversation:${id}:context:legacy_${source}:aside`;

async function plant(id: string, sample = legacySample()): Promise<void> {
  await redis.hset(`session:${id}`, sample);
}

/** All that a migration must end in, whatever way it took; ids, seals and times are left out. */
async function endState(id: string): Promise<unknown> {
  await load(id);
  const keys = await keysOf(id);
  const memo = await load(id);
  const parts: Record<string, unknown> = {};
  for (const part of ['recording', 'participants', 'media_streaming_status'] as const) {
    const component = part === 'media_streaming_status' ? 'media_stream' : part;
    parts[part] = openCallPart(seal, id, part, await redis.get(`rtvoice:test:call:${id}:${component}`));
  }
  parts.session = openCallPart(seal, id, 'session', await redis.getCallSession(id));
  const ttls = await Promise.all(keys.map((key) => redis.ttl(key)));
  return {
    keys: keys.map((key) => key.replace(id, '')),
    allWithTtl: ttls.every((ttl) => ttl > 0),
    context: memo.getContext(),
    window: memo.window,
    history: await memo.getHistory(),
    problems: memo.problems,
    parts,
  };
}

describe('the real session', () => {
  test('comes over whole, and nobody is authenticated by it', async () => {
    const id = newId();
    await plant(id);
    const memo = await load(id);
    expect(await keysOf(id)).toEqual(
      [
        `rtvoice:test:call:${id}:session`,
        `rtvoice:test:conversation:${id}:context`,
        `rtvoice:test:conversation:${id}:history`,
      ].sort(),
    );
    expect(memo.problems).toEqual([]);
    expect(memo.activeAgent).toBe('FNOL');
    expect(memo.slots).toEqual({ name: 'Alice Müller', policy_id: 'POL-A10001' });
    expect(memo.getToolOutput('authenticate_caller')).toEqual({ ok: true, attempt: 1 });
    expect(memo.isAuthenticated).toBe(false);
    expect(memo.getContext('authenticated')).toBe(false);
    const history = await memo.getHistory();
    expect(history.map(({ seq, role, agent }) => [seq, role, agent])).toEqual([
      [1, 'user', 'AutoAuth'],
      [2, 'agent', 'AutoAuth'],
      [3, 'user', 'AutoAuth'],
      [4, 'agent', 'AutoAuth'],
      [5, 'user', 'AutoAuth'],
      [6, 'agent', 'AutoAuth'],
      [7, 'user', 'FNOL'],
      [8, 'agent', 'FNOL'],
    ]);
    expect(history[6]?.text).toBe('My car was hit in the parking lot — "rear bumper".');
    expect(history[7]?.text).toBe('I am sorry to hear that 🚗. When did it happen?');
    expect(await memo.getHistory('FNOL')).toHaveLength(2);
    for (const key of await keysOf(id))
      expect(await server.cli('dump', key)).not.toMatch(/Alice|bumper|POL-/);

    expect(await memo.appendToHistory('user', 'Yesterday.')).toEqual({ seq: 9, durable: true });
    await server.cli('del', `rtvoice:test:conversation:${id}:context`);
    const rebuilt = await load(id);
    expect(rebuilt.slots).toEqual(memo.slots);
    expect(rebuilt.isAuthenticated).toBe(false);
  });

  test('a second migration finds nothing, and two at once end in one', async () => {
    const id = newId();
    await plant(id);
    const both = await Promise.all([migrate(id), migrate(id)]);
    expect(both.reduce((sum, { turns }) => sum + turns, 0)).toBe(8);
    expect(await migrate(id)).toEqual({ found: 0, removed: 0, turns: 0 });
    expect(await (await load(id)).getHistory()).toHaveLength(8);
  });

  test('the old system writing on: new messages come over once, and what was changed since stays', async () => {
    const id = newId();
    await plant(id);
    const memo = await load(id);
    await memo.updateContext({ slots: { name: 'Alice Schmidt', policy_id: null } });
    const sample = legacySample();
    const history = JSON.parse(sample.chat_history) as Record<string, object[]>;
    history.FNOL?.push({ role: 'user', content: 'On Monday.' });
    await plant(id, { ...sample, chat_history: JSON.stringify(history) });
    const again = await load(id);
    expect((await again.getHistory()).map(({ text }) => text).at(-1)).toBe('On Monday.');
    expect(await again.getHistory()).toHaveLength(9);
    expect(again.getSlot('name')).toBe('Alice Schmidt');
    expect(again.isAuthenticated).toBe(false);
  });

  test('a legacy value that changes between reading and removing is not lost', async () => {
    const id = newId();
    await plant(id);
    const late = new Proxy(redis, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]) => {
          const script = args[0] as { name?: string };
          if (script.name === 'legacy_remove')
            await redis.hset(`session:${id}`, { corememory: '{"slots":{"x":1}}' });
          return value.apply(target, args) as unknown;
        };
      },
    });
    expect(await migrate(id, late)).toMatchObject({ found: 1, removed: 0 });
    expect(await server.cli('exists', `session:${id}`)).toBe('1');
    expect((await load(id)).getSlot('x')).toBe(1);
    expect(await server.cli('exists', `session:${id}`)).toBe('0');
  });
});

describe('other legacy keys', () => {
  test('the parts of a call and the plain history', async () => {
    const id = newId();
    await server.cli('set', `call:${id}:recording`, '{"state":"active","id":"r1"}');
    await server.cli('set', `call:${id}:participants`, '[{"phone":"+4915155500000"}]');
    await server.cli('hset', `call:${id}:media_streaming_status`, 'state', 'started', 'tries', '2');
    await server.cli('set', `call:${id}:session`, '{"status":"connected"}');
    await server.cli(
      'rpush',
      `${id}:hist`,
      '{"role":"user","content":"Hi"}',
      '{"role":"assistant","content":"Yes?"}',
    );
    await load(id);
    expect(await endState(id)).toMatchObject({
      allWithTtl: true,
      parts: {
        recording: { state: 'active', id: 'r1' },
        participants: [{ phone: '+4915155500000' }],
        media_streaming_status: { state: 'started', tries: 2 },
        session: { status: 'connected' },
      },
      history: [
        { seq: 1, role: 'user', text: 'Hi', agent: 'main' },
        { seq: 2, role: 'agent', text: 'Yes?', agent: 'main' },
      ],
    });
    expect(await keysOf(id)).not.toContain(`call:${id}:session`);
    expect(await server.cli('get', `rtvoice:test:call:${id}:participants`)).not.toContain('4915155500000');
  });

  test('one history stored twice is one history', async () => {
    const id = newId();
    await plant(id);
    await server.cli('set', `${id}:hist`, legacySample().chat_history);
    expect(await (await load(id)).getHistory()).toHaveLength(8);
  });

  test('messages of systems and tools become what they are', async () => {
    const id = newId();
    const messages = [
      { role: 'system', content: 'Be kind.' },
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
      { role: 'assistant', content: null, tool_calls: [{}] },
      { role: 'tool', name: 'find', content: '{"ok":true}' },
      { role: 'assistant', content: 'Found.' },
    ];
    await plant(id, { corememory: '{}', chat_history: JSON.stringify({ Find: messages }) });
    const memo = await load(id);
    expect(memo.systemPrompt).toBe('Be kind.');
    expect(memo.getToolOutput('find')).toBe('{"ok":true}');
    expect((await memo.getHistory()).map(({ text }) => text)).toEqual([
      '[{"type":"text","text":"hi"}]',
      'Found.',
    ]);
  });

  test('the component that the new system wrote stays, the old one goes aside', async () => {
    const id = newId();
    const key = `rtvoice:test:call:${id}:recording`;
    await redis.setJson(key, { fresh: true }, { ttl: 60 });
    await server.cli('set', `call:${id}:recording`, '{"state":"old"}');
    const memo = await load(id);
    expect(memo.problems).toEqual([{ code: 'RTV_RECORD_UNREADABLE', what: 'legacy' }]);
    expect(await redis.getJson(key)).toEqual({ fresh: true });
    expect(await keysOf(id)).toEqual([key, `rtvoice:test:call:${id}:session:legacy_recording:aside`]);
  });

  test('what is left of a call that has ended stays where it is', async () => {
    const id = newId();
    await plant(id);
    await redis.setJson(`rtvoice:test:call:${id}:summary`, {}, { ttl: 60 });
    expect(await migrate(id)).toEqual({ found: 1, removed: 0, turns: 0 });
    expect(await redis.hgetall(`session:${id}`)).toEqual(legacySample());
  });
});

describe('damaged sessions', () => {
  const sample = legacySample();
  const half = (text: string): string => text.slice(0, text.length / 2);
  const cases: [string, Record<string, string>, { turns: number; slots: number; aside: boolean }][] = [
    ['only the core memory', { corememory: sample.corememory }, { turns: 0, slots: 2, aside: false }],
    ['only the history', { chat_history: sample.chat_history }, { turns: 8, slots: 0, aside: false }],
    [
      'half a history',
      { ...sample, chat_history: half(sample.chat_history) },
      { turns: 0, slots: 2, aside: true },
    ],
    [
      'half a core memory',
      { ...sample, corememory: half(sample.corememory) },
      { turns: 8, slots: 0, aside: true },
    ],
    [
      'messages of another shape',
      { ...sample, chat_history: '{"A":[{"role":"user","content":"kept"},{"who":1},7],"B":3}' },
      { turns: 1, slots: 2, aside: true },
    ],
    ['no session at all', { something: 'else' }, { turns: 0, slots: 0, aside: false }],
  ];
  test.each(cases)('%s', async (_what, fields, expected) => {
    const id = newId();
    await redis.hset(`session:${id}`, fields);
    const memo = await load(id);
    expect(await memo.getHistory()).toHaveLength(expected.turns);
    expect(Object.keys(memo.slots)).toHaveLength(expected.slots);
    expect(memo.problems).toEqual(expected.aside ? [{ code: 'RTV_RECORD_UNREADABLE', what: 'legacy' }] : []);
    expect(await server.cli('exists', asideKey(id, 'session'))).toBe(expected.aside ? '1' : '0');
    expect(await server.cli('exists', `session:${id}`)).toBe('0');
    if (!expected.aside) return;
    const kept = (await redis.getJson(asideKey(id, 'session'))) as { sealed: string };
    const { parts } = seal.reveal('session', `${id}/legacy/session`, kept.sealed) as { parts: string[] };
    const texts = parts.map((part) => Buffer.from(part, 'base64').toString());
    expect(texts.sort()).toEqual(Object.entries(fields).flat().sort());
    expect(await redis.ttl(asideKey(id, 'session'))).toBeGreaterThan(600_000);
  });

  test('a session of another type goes aside', async () => {
    const id = newId();
    await server.cli('set', `session:${id}`, 'text');
    expect((await load(id)).problems).toHaveLength(1);
    expect(await keysOf(id)).toContain(asideKey(id, 'session'));
    expect(await keysOf(id)).not.toContain(`session:${id}`);
  });
});

describe('crashes', () => {
  const plantAll = async (id: string, sample: Record<string, string>, hist: boolean): Promise<void> => {
    await redis.hset(`session:${id}`, sample);
    await server.cli('set', `call:${id}:recording`, '{"state":"active"}');
    await server.cli('set', `call:${id}:session`, '{"status":"connected"}');
    if (hist) await server.cli('rpush', `${id}:hist`, '{"role":"user","content":"Anything else?"}');
  };
  const samples: Record<string, string>[] = [
    legacySample(),
    { ...legacySample(), chat_history: '{"A":[{"role":"user","content":"kept"},7]}' },
    {
      corememory: legacySample().corememory,
      chat_history: JSON.stringify({
        Long: Array.from({ length: 150 }, (_, n) => ({
          role: n % 2 ? 'assistant' : 'user',
          content: `said ${n % 9}`,
        })),
      }),
    },
  ];

  test.each(samples.map((sample, at) => [at, sample] as const))(
    'at each single step, sample %i',
    async (_at, sample) => {
      const undisturbed = newId();
      await plantAll(undisturbed, sample, true);
      await migrate(undisturbed);
      const expected = await endState(undisturbed);
      let steps = 0;
      for (const when of ['before', 'after'] as const) {
        for (let at = 0; ; at += 1) {
          const id = newId();
          await plantAll(id, sample, true);
          const crashed = await migrate(id, crashingAt(redis, at, when)).then(
            () => false,
            (thrown: unknown) => {
              if (!(thrown instanceof Crash)) throw thrown;
              return true;
            },
          );
          if (!crashed) break;
          steps += 1;
          expect(await endState(id)).toEqual(expected);
        }
      }
      expect(steps).toBeGreaterThan(30);
    },
    120_000,
  );

  test('any number of them, at any steps, end as one undisturbed migration', async () => {
    const crash = fc.record({
      at: fc.nat({ max: 30 }),
      when: fc.constantFrom('before', 'after'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...samples),
        fc.boolean(),
        fc.array(crash, { minLength: 1, maxLength: 5 }),
        fc.nat({ max: 2 }),
        async (sample, hist, crashes, again) => {
          const [id, undisturbed] = [newId(), newId()];
          await plantAll(undisturbed, sample, hist);
          await migrate(undisturbed);
          await plantAll(id, sample, hist);
          for (const { at, when } of crashes) {
            await migrate(id, crashingAt(redis, at, when)).catch((thrown: unknown) => {
              if (!(thrown instanceof Crash)) throw thrown;
            });
          }
          for (let n = 0; n <= again; n += 1) await migrate(id);
          expect(await endState(id)).toEqual(await endState(undisturbed));
        },
      ),
      { numRuns: 60 },
    );
  }, 120_000);
});
