/** A call whose stored context is damaged: it is answered, the value is kept for inspection, the damage is counted. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { callMethods } from '../../../src/actors/call-actor.js';
import { CallInstance } from '../../../src/actors/call-instance.js';
import type { Attached, TurnAnswer } from '../../../src/actors/call-messages.js';
import { ActorHost } from '../../../src/actors/host.js';
import type { Answer } from '../../../src/actors/ports.js';
import type { ArchivedTurn } from '../../../src/call/ledger.js';
import { createMetrics, type Metrics } from '../../../src/ops/metrics.js';
import { localSeal } from '../../../src/privacy/seal.js';
import { createContextAside } from '../../../src/stores/context-aside.js';
import { DaprContexts } from '../../../src/stores/contexts.js';
import { DaprState } from '../../../src/stores/dapr-state.js';
import { createJournal } from '../../../src/stores/journal.js';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { contextMetrics } from '../../../src/worker/context-metrics.js';
import { inertServices } from '../../support/inert-services.js';
import { type RedisServer, startRedis, until } from '../../support/redis-servers.js';
import { type ContextSidecar, startContextSidecar } from './daprd-context.js';
import { newId, openRedis, seal } from './support.js';

const WEEK_S = 7 * 24 * 3600;
const log = pino({ level: 'silent' });

let server: RedisServer;
let sidecar: ContextSidecar;
let redis: RedisManager;
let state: DaprState;
let metrics: Metrics;
let scrape: Server;
let owner: Owner;
let id = '';
/** What Cosmos holds of the call. */
let archived: ArchivedTurn[];

beforeAll(async () => {
  server = await startRedis();
  sidecar = await startContextSidecar(server);
  redis = await openRedis(server);
  state = new DaprState({ baseUrl: sidecar.url, apiToken: sidecar.apiToken, deadlineMs: 20_000 });
  scrape = createServer((request, response) => metrics.serve(request, response)).listen(0, '127.0.0.1');
});
afterAll(async () => {
  scrape?.close();
  await state?.close();
  await redis?.close();
  await sidecar?.stop();
  await server?.stop();
});
beforeEach(() => {
  id = newId();
  archived = [];
  metrics = createMetrics('w1');
  owner = new Owner();
});
afterEach(() => owner.end());

/** A worker's actor side, on the real stores. */
class Owner {
  readonly contexts = new DaprContexts(
    state,
    redis.keyManager,
    seal,
    createContextAside(redis, redis.keyManager),
    contextMetrics(metrics, log),
  );
  readonly #host: ActorHost<CallInstance>;

  constructor() {
    const inert = inertServices();
    this.#host = new ActorHost(
      'CallActor',
      (callId) =>
        new CallInstance(callId, {
          ...inert,
          seal,
          journal: createJournal(redis, redis.keyManager),
          contexts: this.contexts,
          closing: { ...inert.closing, archivedTurns: async () => archived },
          drop: (instance) => this.#host.drop(instance.id, instance as CallInstance),
          settleLater: () => undefined,
          wakeWhenBack: () => undefined,
          newestDispatch: () => this.#host.newestDispatch,
        }),
      callMethods,
      log,
    );
  }

  on<T extends object>(method: string, args: object): Promise<Answer<T>> {
    return this.#host.dispatch(id, method, args) as Promise<Answer<T>>;
  }

  async attach(): Promise<Attached> {
    const answer = await this.on<Attached>('attach', {
      ...{ workerId: 'm', workerUrl: '', origin: { correlationId: 'c' } },
    });
    if (!answer.ok) throw new Error(answer.code);
    return answer;
  }

  async end(): Promise<void> {
    this.#host.drop(id);
    await this.contexts.close();
  }
}

const offer = (turnId: string, more: object = {}): object => ({
  ...{
    turnId,
    role: 'user',
    text: `words of ${turnId}`,
    agent: 'main',
    startedAtMs: 1,
    endedAtMs: 2,
    ...more,
  },
});
const turn = (at: Attached, turnNo: number, turnId: string, more?: object): Promise<Answer<TurnAnswer>> =>
  owner.on('turn', { ...at, turnNo, offer: offer(turnId, more) });
const key = (component: string): string => `rtvoice:test:conversation:${id}:${component}`;
const aside = (): string => `${key('context')}:aside`;

async function unreadable(): Promise<number> {
  const { port } = scrape.address() as AddressInfo;
  const text = await (await fetch(`http://127.0.0.1:${port}`)).text();
  const line = text.split('\n').find((one) => /^rtvoice_state_rules_total\{.*rule="unreadable"/.test(one));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** Two turns, a slot, a snapshot of both; then the owner is gone. */
async function talked(): Promise<void> {
  const at = await owner.attach();
  await turn(at, 1, 'a', { patch: { slots: { name: 'Carol' } } });
  expect(await turn(at, 2, 'b', { role: 'agent' })).toMatchObject({ ok: true, durable: true, seq: 2 });
  await owner.contexts.flush(id);
  await until('the snapshot is there', async () => (await server.cli('exists', key('context'))) === '1');
  await owner.end();
  owner = new Owner();
}

const snapshot = (context: object, by = seal): string =>
  JSON.stringify({ schema: 1, throughSeq: 2, sealed: by.protect('context', id, context) });
const hash = (data: () => string) => async (): Promise<void> => {
  await server.cli('hset', key('context'), 'data', data());
};
const newer = (): string => snapshot({ schema: 2, wonders: [] });
const DAMAGES: [string, () => Promise<void>][] = [
  ['corrupt: cut in half', hash(() => newer().slice(0, 40))],
  ['corrupt: JSON of something else', hash(() => '[1]')],
  [
    'corrupt: of another type',
    async () => {
      await server.cli('del', key('context'));
      await server.cli('rpush', key('context'), 'what?');
    },
  ],
  ['of a newer version of the context', hash(newer)],
  ['of a newer version of the snapshot', hash(() => JSON.stringify({ schema: 9, sealed: '' }))],
  ['sealed with a key that is missing', hash(() => snapshot({}, localSeal(Buffer.alloc(32))))],
];

/** What stands at a key. */
const stored = async (name: string): Promise<string> =>
  (await server.cli('type', name)) === 'hash'
    ? server.cli('hgetall', name)
    : server.cli('lrange', name, '0', '-1');

describe.each(DAMAGES)('a context that is %s', (_what, damage) => {
  test('is set aside and counted, and made again from the journal', async () => {
    await talked();
    await damage();
    const damaged = await stored(key('context'));

    const at = await owner.attach();
    expect(at.provisional).toBe(false);
    expect(at.context).toMatchObject({ throughSeq: 2, slots: { name: 'Carol' } });
    expect(at.context.window.map(({ text }) => text)).toEqual(['words of a', 'words of b']);
    expect(await stored(aside())).toBe(damaged);
    const ttl = Number(await server.cli('ttl', aside()));
    expect([ttl > WEEK_S - 600, ttl <= WEEK_S]).toEqual([true, true]);
    expect(await unreadable()).toBe(1);

    expect(await turn(at, 1, 'c')).toMatchObject({ ok: true, durable: true, seq: 3 });
    await owner.contexts.flush(id);
    await owner.end();
    owner = new Owner();
    const words = (await owner.contexts.load(id))?.window.map(({ text }) => text);
    expect(words).toEqual(['words of a', 'words of b', 'words of c']);
    expect(await unreadable()).toBe(1);
    expect(await stored(aside())).toBe(damaged);
  });

  test('is set aside and counted, and is a fresh one where the journal is gone too', async () => {
    await talked();
    await damage();
    const damaged = await stored(key('context'));
    await server.cli('del', key('history'));
    archived = [
      { seq: 1, turnId: 'a' },
      { seq: 2, turnId: 'b' },
    ];

    const at = await owner.attach();
    expect(at.context).toMatchObject({ slots: {}, window: [] });
    expect(await stored(aside())).toBe(damaged);
    expect(Number(await server.cli('ttl', aside()))).toBeGreaterThan(WEEK_S - 600);
    expect(await unreadable()).toBe(1);

    // What was said before is not said to be new: the numbers go on after what Cosmos has.
    expect(await turn(at, 1, 'c')).toMatchObject({ ok: true, durable: true, seq: 3 });
    await owner.contexts.flush(id);
    expect((await owner.contexts.load(id))?.window.map(({ text }) => text)).toEqual(['words of c']);
  });
});

test('a context that was written anew since it was found damaged stays where it is', async () => {
  await talked();
  const move = createContextAside(redis, redis.keyManager);
  const version = await server.cli('hget', key('context'), 'version');
  expect(await move(id, { etag: String(Number(version) - 1) })).toBe(false);
  expect(await move(id, 'no_value')).toBe(false);
  expect(await owner.contexts.load(id)).toMatchObject({ throughSeq: 2 });
  expect(await move(id, { etag: version })).toBe(true);
  expect(await server.cli('exists', key('context'))).toBe('0');
});
