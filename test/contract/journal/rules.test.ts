/** The rules of state (design §4), each on a real Redis: what one owner does, seen by another, and by the keys. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CallInstance } from '../../../src/actors/call-instance.js';
import type { Attached, CallDescription, TurnAnswer } from '../../../src/actors/call-messages.js';
import type { Answer } from '../../../src/actors/ports.js';
import type { ConversationContext } from '../../../src/memory/context.js';
import { createJournal } from '../../../src/stores/journal.js';
import { Component } from '../../../src/stores/keys.js';
import { type RedisServer, startRedis, until } from '../../support/redis-servers.js';
import { MemoryArchive } from './archive.js';
import { keys, type Line, openLine, Worker } from './host.js';

let server: RedisServer;
let redis: Redis;
let lines: Line[];
let callId = '';
let archive: MemoryArchive;
let workers: Worker[];
let erased: Set<string>;
/** Where placement says that the actor lives. */
let owner = 0;
/** Whether a call that has something to write is called for it. */
let settles = true;

const session = (): string => keys.callKey(callId, Component.SESSION);
const history = (): string => keys.conversationKey(callId, Component.HISTORY);

beforeAll(async () => {
  server = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
  redis = new Redis({ host: server.host, port: server.port });
  lines = [await openLine(server), await openLine(server)];
});

afterAll(async () => {
  await Promise.all(lines.map((line) => line.close()));
  redis.disconnect();
  await server.stop();
});

beforeEach(() => {
  callId = randomUUID();
  archive = new MemoryArchive();
  owner = 0;
  const contexts = new Map<string, ConversationContext>();
  erased = new Set();
  settles = true;
  const routed = async (method: string, args: object): Promise<unknown> =>
    settles || method !== 'settle' ? on(owner, method, args) : undefined;
  workers = lines.map((line) => new Worker(callId, line, archive, { routed, contexts, erased }));
});

afterEach(async () => {
  for (const worker of workers) worker.crash();
  for (const { proxy } of lines) proxy.set({ kind: 'pass' });
  await until('Redis', () => lines.every((line) => line.redis.state === 'up'));
});

function worker(at: number): Worker {
  const found = workers[at];
  if (!found) throw new Error('no such worker');
  return found;
}

function line(at: number): Line {
  const found = lines[at];
  if (!found) throw new Error('no such line');
  return found;
}

const proxy = (at: number) => line(at).proxy;

/** Asked again where a busy machine makes it late: for what may be sent twice. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  let answer: { readonly value: T } | undefined;
  await until('it is answered', async () => {
    answer = await ask().then(
      (value) => ({ value }),
      () => undefined,
    );
    return answer !== undefined;
  });
  if (!answer) throw new Error('not answered');
  return answer.value;
}

const on = <T extends object>(at: number, method: string, args: object): Promise<Answer<T>> =>
  worker(at).host.dispatch(callId, method, args) as Promise<Answer<T>>;

const origin = { correlationId: 'c' };
const attach = (at: number, more: object = {}): Promise<Answer<Attached>> =>
  on<Attached>(at, 'attach', { workerId: 'm', workerUrl: '', origin, ...more });

function turn(
  at: number,
  position: { incarnation: string; mediaEpoch: number },
  turnNo: number,
  turnId: string,
): Promise<Answer<TurnAnswer>> {
  const offer = { turnId, role: 'user', text: turnId, agent: 'main', startedAtMs: 1, endedAtMs: 2 };
  return on<TurnAnswer>(at, 'turn', { ...position, turnNo, offer });
}

/** On a busy machine a time-out of Redis may make an attachment a provisional one: then once more. */
async function attached(at: number): Promise<Attached> {
  let held: Attached | undefined;
  await until('it is attached', async () => {
    const answer = await attach(at);
    if (!answer.ok) throw new Error(answer.code);
    held = answer;
    return !answer.provisional;
  });
  if (!held) throw new Error('not attached');
  return held;
}

const describeCall = async (at: number): Promise<CallDescription> => {
  const answer = await on<CallDescription>(at, 'describe', {});
  if (!answer.ok) throw new Error(answer.code);
  return answer;
};

/** Ids of the turns in the journal, by number. */
async function journal(): Promise<string[]> {
  const all = await redis.hgetall(history());
  const ids: string[] = [];
  for (const [seq, payload] of Object.entries(all)) {
    if (/^\d+$/.test(seq)) ids[Number(seq) - 1] = (JSON.parse(payload) as { id: string }).id;
  }
  return ids;
}

const settled = (at: number): Promise<void> =>
  until('it is settled', async () => {
    const answer = await on<{ waiting: number }>(at, 'settle', {});
    return answer.ok && answer.waiting === 0;
  });

const acknowledged = { ok: true, durable: true };
const waits = { ok: true, durable: false, seq: 0 };

describe('rule 1: incarnation, owner epoch, media epoch', () => {
  it('a newer owner ends the older one, whose write changes nothing', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    expect(await turn(1, at, 2, 'b')).toMatchObject(acknowledged);
    const before = await redis.hgetall(session());
    expect(await turn(0, at, 2, 'stale')).toEqual({ ok: false, code: 'RTV_FENCED_OWNER' });
    expect([await redis.hgetall(session()), await journal()]).toEqual([before, ['a', 'b']]);
    expect(worker(0).rules).toContain('fenced');
    expect(worker(0).host.size).toBe(0);
  });

  it('an owner of another lineage ends too, though its epoch is the higher one', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    worker(0).deactivate();
    await describeCall(0);
    await redis.del(session(), history());
    const other = await attached(1);
    expect(other.incarnation).not.toBe(at.incarnation);
    expect(await turn(0, at, 2, 'b')).toEqual({ ok: false, code: 'RTV_FENCED_OWNER' });
    expect((await describeCall(1)).ownerEpoch).toBe(1);
  });

  it('each activation has an epoch of its own, each attachment too, written before the answer', async () => {
    const first = await attached(0);
    expect((await redis.hmget(session(), 'oe', 'me')).map(Number)).toEqual([1, 1]);
    const second = await attached(1);
    expect((await redis.hmget(session(), 'oe', 'me')).map(Number)).toEqual([2, 2]);
    expect(await turn(1, first, 1, 'a')).toEqual({ ok: false, code: 'RTV_FENCED_MEDIA' });
    expect(await turn(1, second, 1, 'a')).toMatchObject(acknowledged);
  });

  it('a media worker whose epoch Redis has forgotten attaches again, and is not taken for an old one', async () => {
    await attached(0);
    const [dump, older] = [await redis.dumpBuffer(session()), await attached(0)];
    worker(0).deactivate();
    await redis.restore(session(), 60_000, dump, 'REPLACE');
    expect(await turn(0, older, 1, 'a')).toEqual({ ok: false, code: 'RTV_CALL_UNKNOWN' });
    const again = await attach(0, { previous: older });
    expect(again).toMatchObject({ ok: true, mediaEpoch: older.mediaEpoch + 1 });
  });
});

describe('rule 2: unknown is not no', () => {
  it('a commit whose reply was lost is found by its id, and not done twice', async () => {
    const at = await attached(0);
    const said: string[] = [];
    // The reply that is lost may be one to a probe, and on a busy machine the look may be late: then once more.
    await until('one is found by its id', async () => {
      const { rules } = worker(0);
      rules.length = 0;
      said.push(`turn ${said.length + 1}`);
      proxy(0).dropNextReply();
      await until('it is durable', async () => {
        const answer = await turn(0, at, said.length, said.at(-1) ?? '');
        return answer.ok && answer.durable;
      });
      return rules.includes('unknown_resolved') && !rules.includes('diverged');
    });
    expect(await journal()).toEqual(said);
    expect(await redis.hget(session(), 'seq')).toBe(String(said.length));
  });

  it('what arrives late changes nothing that came after it', async () => {
    const at = await attached(0);
    proxy(0).set({ kind: 'hang' });
    const answer = await turn(0, at, 1, 'a');
    expect(answer).toMatchObject(waits);
    await on(0, 'say', { ...at, saying: { turnId: 's', sentences: ['old'] } });
    // The hanging requests reach Redis only after the connection, and with it all hope of an answer, is gone.
    proxy(0).cut(true);
    proxy(0).set({ kind: 'pass' });
    await settled(0);
    expect(await turn(0, at, 2, 'b')).toMatchObject(acknowledged);
    expect(await journal()).toEqual(['a', 'b']);
    const { seq, me } = await redis.hgetall(session());
    expect([seq, me]).toEqual(['2', '1']);
  });

  it('what an owner sent earlier and arrives after its later writes changes nothing', async () => {
    const at = await attached(0);
    expect(await turn(0, at, 1, 'a')).toMatchObject(acknowledged);
    await on(0, 'say', { ...at, saying: { turnId: 's', sentences: ['new'] } });
    await settled(0);
    const before = await redis.hgetall(session());
    const own = {
      ...{ incarnation: before.inc ?? '', ownerEpoch: Number(before.oe), ownerNonce: before.on ?? '' },
    };
    const write = { number: Number(before.wn) - 1, acknowledged: 0 };
    const late = createJournal(line(0).redis, keys);
    const commit = { commitId: 'late', write, fromSeq: 0, payloads: ['{"id":"late"}'] };
    expect(await answered(() => late.write(callId, own, write, { saying: 'old' }))).toEqual({ kind: 'done' });
    expect(await answered(() => late.commit(callId, own, commit))).toEqual({ kind: 'diverged' });
    expect([await redis.hgetall(session()), await journal()]).toEqual([before, ['a']]);
  });

  it('a lost reply to a claim is no second owner', async () => {
    await attached(0);
    proxy(1).dropNextReply();
    await until('it is read', async () => (await describeCall(1)).ownerEpoch > 0);
    expect(await redis.hget(session(), 'oe')).toBe('2');
  });
});

describe('rule 3: absent is not failed', () => {
  it('nothing is created while Redis does not answer, and turns wait without a number', async () => {
    proxy(0).set({ kind: 'hang' });
    const at = await attach(0);
    if (!at.ok) throw new Error(at.code);
    expect(at).toMatchObject({ provisional: true, mediaEpoch: 0 });
    expect(await turn(0, at, 1, 'a')).toMatchObject(waits);
    expect(await turn(0, at, 2, 'b')).toMatchObject(waits);
    expect(await redis.exists(session(), history())).toBe(0);
    proxy(0).cut();
    proxy(0).set({ kind: 'pass' });
    await settled(0);
    expect(await journal()).toEqual(['a', 'b']);
    expect(await turn(0, at, 3, 'c')).toMatchObject(acknowledged);
  });

  it('two media workers that were let in provisionally are not taken for one', async () => {
    proxy(0).set({ kind: 'hang' });
    const [first, second] = [await attach(0), await attach(0)];
    if (!first.ok || !second.ok) throw new Error('not attached');
    expect(await turn(0, first, 1, 'a')).toMatchObject(waits);
    expect(await turn(0, second, 1, 'b')).toMatchObject(waits);
    expect(await turn(0, second, 3, 'd')).toMatchObject({ code: 'RTV_TURN_GAP', expected: 2 });
    expect(await turn(0, first, 1, 'a')).toMatchObject(waits);
    expect(await turn(0, second, 2, 'c')).toMatchObject(waits);
    proxy(0).cut();
    proxy(0).set({ kind: 'pass' });
    await settled(0);
    expect(await journal()).toEqual(['a', 'b', 'c']);
  });

  it('an event that came meanwhile is not lost to what Redis says', async () => {
    await attached(1);
    worker(1).crash();
    proxy(0).set({ kind: 'hang' });
    const connected = { kind: 'connected', id: 'e1', atMs: 5 };
    await on(0, 'event', { facts: [connected], origin });
    proxy(0).cut();
    proxy(0).set({ kind: 'pass' });
    await until('it is read', async () => (await describeCall(0)).phase === 'connected');
    await settled(0);
    expect(JSON.parse((await redis.hget(session(), 'd')) ?? '{}')).toMatchObject({
      state: { phase: 'connected' },
    });
  });

  it('half of an activation is none: an owner that could not read the journal does not number from 1', async () => {
    const at = await attached(1);
    for (const [index, id] of ['a', 'b'].entries()) await turn(1, at, index + 1, id);
    worker(1).crash();
    await redis.rename(history(), `${history()}-away`);
    await redis.set(history(), 'what cannot be read as a journal');
    const answer = await turn(0, at, 3, 'c');
    expect(answer).toMatchObject(waits);
    await redis.del(history());
    await redis.rename(`${history()}-away`, history());
    await settled(0);
    expect(await journal()).toEqual(['a', 'b', 'c']);
  });

  it.each([
    ['a value of another type', async () => void (await redis.set(session(), 'x'))],
    ['a session without data', async () => void (await redis.hset(session(), { inc: 'i', oe: 1, on: 'n' }))],
    [
      'a session with broken data',
      async () => void (await redis.hset(session(), { inc: 'i', oe: 1, on: 'n', d: '{' })),
    ],
  ])('%s is set aside, never deleted, and the call goes on', async (_, damage) => {
    await damage();
    const at = await attached(0);
    expect(at.provisional).toBe(false);
    expect(await turn(0, at, 1, 'a')).toMatchObject(acknowledged);
    expect(await redis.exists(`${session()}:aside`)).toBe(1);
    expect(await redis.ttl(`${session()}:aside`)).toBeGreaterThan(0);
    expect(worker(0).rules).toContain('set_aside');
  });

  it('a session damaged under its owner is written again', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    await redis.set(session(), 'x');
    await turn(0, at, 2, 'b');
    await settled(0);
    expect(await journal()).toEqual(['a', 'b']);
    expect(await redis.hget(session(), 'seq')).toBe('2');
  });
});

describe('rule 4: Redis may go back in time', () => {
  it.each(['flushed', 'expired', 'older'])(
    'the owner writes again what a Redis that is %s has not',
    async (how) => {
      const at = await attached(0);
      await turn(0, at, 1, 'a');
      const dumps = await Promise.all([session(), history()].map((key) => redis.dumpBuffer(key)));
      for (const [index, id] of ['b', 'c'].entries()) await turn(0, at, index + 2, id);
      if (how === 'expired') {
        for (const key of [session(), history()]) await redis.pexpire(key, 1);
        await until('they expired', async () => (await redis.exists(session(), history())) === 0);
      } else {
        await redis.del(session(), history());
      }
      if (how === 'older') {
        await Promise.all(
          [session(), history()].map((key, index) =>
            redis.restore(key, 60_000, dumps[index] ?? Buffer.of(), 'REPLACE'),
          ),
        );
      }
      expect(await turn(0, at, 4, 'd')).toMatchObject(waits);
      await settled(0);
      expect(await journal()).toEqual(['a', 'b', 'c', 'd']);
      expect((await redis.hmget(session(), 'seq', 'me')).map(Number)).toEqual([4, 1]);
      expect(worker(0).rules).toEqual(expect.arrayContaining(['diverged', 'restored']));
      for (const key of [session(), history()]) expect(await redis.ttl(key)).toBeGreaterThan(0);
    },
  );

  it('a stale owner does not write an empty Redis full: only a call that placement routes after the doubt proves', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    owner = 1;
    await redis.del(session(), history());
    const offer = { turnId: 'x', role: 'user', text: '', agent: '', startedAtMs: 1, endedAtMs: 1 } as const;
    const heldBack = (call: CallInstance) => call.turn({ ...at, turnNo: 2, offer }, { number: 0 });
    // It finds out with the first one; what comes later is as old.
    for (let time = 0; time < 2; time += 1) {
      expect(await worker(0).host.local(callId, 'held back', heldBack)).toMatchObject(waits);
      expect(await redis.exists(session(), history())).toBe(0);
    }
    expect(worker(0).rules).toEqual(['diverged']);
    await attached(1);
    expect(await journal()).toEqual([]);
  });

  it('what another owner wrote meanwhile is adopted, in its place', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    await redis.del(session(), history());
    const other = await attach(1, { previous: at });
    if (!other.ok) throw new Error(other.code);
    expect(other.incarnation).toBe(at.incarnation);
    await turn(1, other, 1, 'a');
    await turn(1, other, 2, 'b');
    await turn(0, at, 2, 'c');
    await settled(0);
    // The turn that waited here comes after what was acknowledged there.
    expect(await journal()).toEqual(['a', 'b', 'c']);
    expect(await turn(0, other, 3, 'c')).toMatchObject(acknowledged);
    expect(await journal()).toEqual(['a', 'b', 'c']);
    expect(worker(0).rules).toContain('adopted');
  });

  it('with nothing left in Redis the sequence goes on from what Cosmos holds, and no turn comes twice', async () => {
    const at = await attached(0);
    for (const [index, id] of ['a', 'b', 'c'].entries()) await turn(0, at, index + 1, id);
    await worker(0).archiver.run(2);
    worker(0).crash();
    await redis.del(session(), history());
    const again = await attach(1, { previous: at });
    if (!again.ok) throw new Error(again.code);
    expect(again.incarnation).toBe(at.incarnation);
    for (const [index, id] of ['b', 'c', 'd'].entries()) {
      expect(await turn(1, again, index + 1, id)).toMatchObject(acknowledged);
    }
    await worker(1).archiver.run(9);
    expect(archive.documents().map(({ seq, turnId }) => `${seq}${turnId}`)).toEqual(['1a', '2b', '3c', '4d']);
  });

  it('a journal that outlived its session keeps its turns, and its lineage', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    worker(0).crash();
    owner = 1;
    await redis.del(session());
    const again = await attached(1);
    expect(again.incarnation).toBe(at.incarnation);
    // An epoch that was given in the lost session is never given again.
    expect(again.mediaEpoch).toBeGreaterThan(at.mediaEpoch);
    await settled(1);
    expect(await turn(1, again, 1, 'b')).toMatchObject(acknowledged);
    expect(await journal()).toEqual(['a', 'b']);
  });
});

describe('rule 5: turn numbers', () => {
  it('a duplicate is answered from the journal by whichever owner, a gap is refused', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    expect(await turn(1, at, 1, 'a')).toMatchObject({ ...acknowledged, seq: 1 });
    expect(await turn(1, at, 3, 'c')).toEqual({ ok: false, code: 'RTV_TURN_GAP', expected: 2 });
    expect(await journal()).toEqual(['a']);
  });

  it('a duplicate completes what its first try left undone', async () => {
    const at = await attached(0);
    settles = false;
    proxy(0).set({ kind: 'hang' });
    expect(await turn(0, at, 1, 'a')).toMatchObject(waits);
    proxy(0).cut();
    proxy(0).set({ kind: 'pass' });
    await until('Redis', () => lines[0]?.redis.state === 'up');
    await until('it is durable', async () => {
      const answer = await turn(0, at, 1, 'a');
      return answer.ok && answer.durable;
    });
    expect(await journal()).toEqual(['a']);
  });

  it('another turn under a number that was given is never called durable', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    expect(await turn(0, at, 1, 'x')).toEqual({ ok: false, code: 'RTV_CALL_UNKNOWN' });
  });
});

describe('rule 6: create only', () => {
  it('a turn whose number another one has in Cosmos moves behind its tail, with all after it', async () => {
    const at = await attached(0);
    const [incarnation, sessionId] = [at.incarnation, callId];
    for (const [index, id] of ['a', 'b', 'c'].entries()) await turn(0, at, index + 1, id);
    await worker(0).archiver.run(1);
    const document = {
      role: 'user',
      agent: '',
      startedAt: '',
      endedAt: '',
      mediaEpoch: 1,
      turnNo: 2,
      interrupted: false,
    } as const;
    const foreign = {
      ...document,
      id: `${sessionId}-2`,
      sessionId,
      incarnation,
      seq: 2,
      turnId: 'x',
      transcript: '',
      schema: 1,
    } as const;
    archive.create(foreign);
    await worker(0).archiver.run(9);
    await settled(0);
    await worker(0).archiver.run(9);
    expect(archive.documents().map(({ seq, turnId }) => `${seq}${turnId}`)).toEqual(['1a', '2x', '3b', '4c']);
    expect(worker(0).rules).toContain('renumbered');
    expect(await journal()).toEqual(['a', undefined, 'b', 'c']);
    worker(0).crash();
    expect(await describeCall(1)).toMatchObject({ turns: 4 });
    expect(await turn(1, at, 4, 'd')).toMatchObject({ ...acknowledged, seq: 5 });
  });

  it('"archived" names exact turns: another turn under the number is still written', async () => {
    const at = await attached(0);
    await turn(0, at, 1, 'a');
    await on(0, 'archived', { incarnation: at.incarnation, turns: [{ seq: 1, turnId: 'x' }] });
    expect((await describeCall(0)).archived).toBe(0);
    await on(0, 'archived', { incarnation: at.incarnation, turns: [{ seq: 1, turnId: 'a' }] });
    expect((await describeCall(0)).archived).toBe(1);
  });

  it('an owner that has become stale unawares does not close the record over turns it does not know', async () => {
    const at = await attached(0);
    owner = 1;
    await turn(1, at, 1, 'a');
    const ended = { kind: 'disconnected', id: 'end', atMs: 1, code: 200, subCode: 0 } as const;
    await worker(0).host.local(callId, 'event', (call) => call.event([ended], origin, { number: 0 }));
    expect(worker(0).host.size).toBe(0);
    expect(await describeCall(1)).toMatchObject({ turns: 1, phase: 'connecting' });
  });
});

describe('the end of a call', () => {
  it('that its owner learns of late waits for the last turn of the media worker, then closes the record', async () => {
    const at = await attached(0);
    // Its owner died, and the next one hears of the end when it is long over.
    worker(0).crash();
    owner = 1;
    const ended = {
      kind: 'disconnected',
      id: 'end',
      atMs: Date.now() - 60_000,
      code: 200,
      subCode: 0,
    } as const;
    await on(1, 'event', { facts: [ended], origin });
    expect(await turn(1, at, 1, 'a')).toMatchObject(acknowledged);
    await on(1, 'detach', { ...at });
    await worker(1).archiver.run(1);
    await until('the record is closed', async () => (await describeCall(1)).phase === 'ended');
    expect(await journal()).toEqual(['a']);
  });
});

describe('rules 8 and 9, at the actor: a media worker taken for dead', () => {
  const lost = (mediaEpoch: number, workerId = 'm') => on(0, 'mediaLost', { workerId, mediaEpoch });

  it('is believed of the attachment that stands, and ACS is asked for the stream again', async () => {
    const at = await attached(0);
    expect(await lost(at.mediaEpoch)).toMatchObject({ ok: true, restarted: true });
    expect(await redis.hget(session(), 'mw')).toBe('');
    await until('ACS is asked', () => worker(0).rules.includes('media_restart'));
    const again = await attached(0);
    expect(await turn(0, at, 1, 'a')).toEqual({ ok: false, code: 'RTV_FENCED_MEDIA' });
    expect(await turn(0, again, 1, 'a')).toMatchObject(acknowledged);
  });

  it('is ignored when the call is attached anew, or elsewhere', async () => {
    const before = await attached(0);
    const now = await attached(0);
    expect(await lost(before.mediaEpoch)).toMatchObject({ ok: true, restarted: false });
    expect(await lost(now.mediaEpoch, 'another')).toMatchObject({ ok: true, restarted: false });
    expect(await turn(0, now, 1, 'a')).toMatchObject(acknowledged);
    expect(worker(0).rules).not.toContain('media_lost');
  });
});

describe('rule 11: erased is not absent', () => {
  const known = { ...origin, subjectId: 'caller' };

  it('of a caller who was erased no further word is written, by whichever owner; the call goes on', async () => {
    const at = await attach(0, { origin: known });
    if (!at.ok) throw new Error(at.code);
    await turn(0, at, 1, 'a');
    erased.add('caller');
    const before = await redis.hget(session(), 'say');
    for (const owner of [0, 1]) {
      expect(await turn(owner, at, 2, 'b')).toEqual({ ok: false, code: 'RTV_SUBJECT_ERASED' });
      const saying = { turnId: 's', sentences: ['What the agent is about to say.'] };
      expect(await on(owner, 'say', { ...at, saying })).toMatchObject({ ok: true });
    }
    expect(await journal()).toEqual(['a']);
    expect(await redis.hget(session(), 'say')).toBe(before);
    // Its end is still an end.
    const ended = { kind: 'disconnected', id: 'end', atMs: 1, code: 200, subCode: 0 };
    expect(await on(1, 'event', { facts: [ended], origin: known })).toMatchObject({ ok: true });
    expect(await describeCall(1)).not.toMatchObject({ phase: 'connecting' });
  });

  it('other callers are written as ever', async () => {
    erased.add('caller');
    const at = await attach(0, { origin: { ...origin, subjectId: 'another' } });
    if (!at.ok) throw new Error(at.code);
    expect(await turn(0, at, 1, 'a')).toMatchObject(acknowledged);
  });
});
