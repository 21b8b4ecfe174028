/**
 * An owner that was held back and goes on after another one has written: two real workers. What it still believes
 * reaches nobody, and each refusal is counted.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Attached,
  CALL_ACTOR,
  type CallDescription,
  type TurnAnswer,
} from '../../src/actors/call-messages.js';
import type { Answer } from '../../src/actors/ports.js';
import { RedisKeyManager } from '../../src/stores/keys.js';
import { eventually, startTestStack, type TestStack } from '../support/stack.js';

const keys = new RedisKeyManager({ environment: 'dev' });
const origin = { correlationId: 'c' };
type At = Pick<Attached, 'incarnation' | 'mediaEpoch'>;

let system: TestStack;

beforeAll(async () => {
  system = await startTestStack({ workers: 2 });
}, 180_000);

afterAll(async () => {
  await system.remove();
}, 60_000);

/** Through the sidecar of a worker: placement says where the actor lives. */
async function routed<T extends object>(
  worker: number,
  id: string,
  method: string,
  args: object,
): Promise<Answer<T>> {
  const { daprHttpPort } = system.stack.worker(worker);
  return send(
    `http://127.0.0.1:${daprHttpPort}/v1.0/actors/${CALL_ACTOR}/${id}/method/${method}`,
    'POST',
    args,
  );
}

/** Straight to a worker, past placement: a call that was on its way when the actor moved. */
async function direct<T extends object>(
  worker: number,
  id: string,
  method: string,
  args: object,
): Promise<Answer<T>> {
  const port = system.view.info.ports[`worker-${worker}-app`];
  return send(`http://127.0.0.1:${port}/actors/${CALL_ACTOR}/${id}/method/${method}`, 'PUT', args);
}

async function send<T extends object>(url: string, method: string, args: object): Promise<Answer<T>> {
  const { daprApiToken, appApiToken } = system.view.secrets;
  const token = method === 'PUT' ? appApiToken : daprApiToken;
  const answer = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json', 'dapr-api-token': token },
    body: JSON.stringify(args),
  });
  if (answer.status !== 200) return { ok: false, code: 'RTV_ACTOR_UNREACHABLE' };
  return (await answer.json()) as Answer<T>;
}

const turnArgs = (at: At, turnNo: number, turnId: string): object => ({
  incarnation: at.incarnation,
  mediaEpoch: at.mediaEpoch,
  turnNo,
  offer: { turnId, role: 'user', text: turnId, agent: 'main', startedAtMs: 1, endedAtMs: 2 },
});

const attachArgs = { workerId: 'test', workerUrl: 'http://127.0.0.1:9', origin };

async function ok<T extends object>(answer: Promise<Answer<T>>): Promise<T> {
  const got = await answer;
  if (!got.ok) throw new Error(got.code);
  return got;
}

/** A call that ACS knows nothing of: its owner is told that it is connected, so that it does not ask. */
async function newCall(worker: number): Promise<{ id: string; at: At }> {
  const id = `stale-${randomUUID()}`;
  await system.view.pretendWorker(attachArgs.workerId);
  const connected = { kind: 'connected', id: randomUUID(), atMs: Date.now() };
  await ok(routed(worker, id, 'event', { facts: [connected], origin }));
  return { id, at: await ok(routed<Attached>(worker, id, 'attach', attachArgs)) };
}

async function journal(id: string): Promise<string[]> {
  const all = await system.view.redis.hgetall(keys.conversationKey(id, 'history'));
  return Object.entries(all)
    .filter(([seq]) => /^\d+$/.test(seq))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, payload]) => (JSON.parse(payload) as { id: string }).id);
}

const durable = (worker: number, id: string, args: object): Promise<boolean> =>
  eventually('the turn is durable', async () => {
    const answer = await routed<TurnAnswer>(worker, id, 'turn', args);
    return answer.ok && answer.durable;
  });

const rule = (name: string): Promise<number> =>
  system.view.metric('rtvoice_state_rules_total', { rule: name });

/** Which worker has the actor: the other one then owns nothing. */
async function ownerOf(id: string): Promise<{ owner: number; other: number }> {
  const one = (await ok(direct<CallDescription>(1, id, 'describe', {}))).ownerEpoch;
  await ok(direct<CallDescription>(2, id, 'describe', {}));
  const placed = (await ok(routed<CallDescription>(1, id, 'describe', {}))).ownerEpoch;
  return placed === one ? { owner: 1, other: 2 } : { owner: 2, other: 1 };
}

describe('an activation held back by SIGSTOP', () => {
  it('writes nothing of what waited in its sockets, once another worker has written', async () => {
    const calls = await Promise.all(Array.from({ length: 8 }, () => newCall(2)));
    await Promise.all(calls.map(({ id, at }) => durable(2, id, turnArgs(at, 1, 'first'))));
    const standstills = await rule('standstill');
    system.stack.worker(1).kill('app', 'SIGSTOP');
    // On their way to the worker that stands still: they are in its sockets when it goes on.
    const waiting = calls.map(({ id, at }) => direct<TurnAnswer>(1, id, 'turn', turnArgs(at, 2, 'stale')));
    try {
      await Promise.all(calls.map(({ id, at }) => durable(2, id, turnArgs(at, 2, 'second'))));
    } finally {
      system.stack.worker(1).kill('app', 'SIGCONT');
    }
    const late = await Promise.all(waiting);
    expect(late).toEqual(calls.map(() => ({ ok: false, code: 'RTV_FENCED_OWNER' })));
    for (const { id } of calls) expect(await journal(id)).toEqual(['first', 'second']);
    expect(await rule('standstill')).toBeGreaterThan(standstills);
    await system.stack.waitReady();
    await Promise.all(calls.map(({ id, at }) => durable(1, id, turnArgs(at, 3, 'third'))));
    for (const { id } of calls) expect(await journal(id)).toEqual(['first', 'second', 'third']);
  });
});

describe('an owner that another one followed', () => {
  it('cannot write: nothing was written since, so that only its epoch tells', async () => {
    const { id, at } = await newCall(1);
    await durable(1, id, turnArgs(at, 1, 'first'));
    const { owner, other } = await ownerOf(id);
    await ok(direct<CallDescription>(other, id, 'describe', {}));
    const saying = { turnId: 'next', sentences: ['Nothing that moves a number.'] };
    await eventually('the owner has it again', async () => {
      return (await routed(owner, id, 'say', { ...at, saying })).ok;
    });
    const stale = await direct<TurnAnswer>(other, id, 'turn', turnArgs(at, 2, 'stale'));
    expect(stale).toEqual({ ok: false, code: 'RTV_FENCED_OWNER' });
    expect(await journal(id)).toEqual(['first']);
    await durable(owner, id, turnArgs(at, 2, 'second'));
    expect(await journal(id)).toEqual(['first', 'second']);
  });

  it.each([
    ['its keys are there', async () => undefined],
    ['its keys were flushed', async (id: string) => void (await system.view.redis.del(...keysOf(id)))],
    [
      'its keys expired',
      async (id: string) => {
        for (const key of keysOf(id)) await system.view.redis.pexpire(key, 1);
        await eventually(
          'they expired',
          async () => (await system.view.redis.exists(...keysOf(id))) === 0,
          5_000,
          10,
        );
      },
    ],
    [
      'its keys were flushed and written again',
      async (id: string, at: At) => {
        await system.view.redis.del(...keysOf(id));
        await durable(1, id, turnArgs(at, 3, 'third'));
      },
    ],
    [
      'its keys were flushed and made anew by another lineage',
      async (id: string) => {
        const session = keys.callKey(id, 'session');
        await system.view.redis.del(...keysOf(id));
        await system.view.redis.hset(session, {
          inc: 'f'.repeat(20),
          oe: 1,
          on: 'other',
          wn: 1,
          seq: 0,
          d: '{}',
        });
        await system.view.redis.expire(session, 60);
      },
    ],
  ])('cannot write: %s', async (_, lose) => {
    const { id, at } = await newCall(1);
    await durable(1, id, turnArgs(at, 1, 'first'));
    const { owner, other } = await ownerOf(id);
    // The other one owned it for a moment, and knows the call; then the owner wrote again.
    await ok(direct<CallDescription>(other, id, 'describe', {}));
    await durable(owner, id, turnArgs(at, 2, 'second'));
    const before = (await rule('fenced')) + (await rule('diverged'));
    await lose(id, at);
    const stale = await direct<TurnAnswer>(other, id, 'turn', turnArgs(at, 2, 'stale'));
    expect(stale.ok && stale.durable).toBe(false);
    expect((await rule('fenced')) + (await rule('diverged'))).toBeGreaterThan(before);
    expect(await journal(id)).not.toContain('stale');
  });
});

const keysOf = (id: string): [string, string] => [
  keys.callKey(id, 'session'),
  keys.conversationKey(id, 'history'),
];
