/** The context at one key, written and read by turns through the Dapr component and directly. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyContext } from '../../../src/memory/context.js';
import { MemoManager } from '../../../src/memory/memo-manager.js';
import { createContextAside } from '../../../src/stores/context-aside.js';
import { CONTEXT_STORE, DaprContexts } from '../../../src/stores/contexts.js';
import { DaprState } from '../../../src/stores/dapr-state.js';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { type ContextSidecar, startContextSidecar } from './daprd-context.js';
import { newId, openRedis, seal } from './support.js';

let server: RedisServer;
let sidecar: ContextSidecar;
let redis: RedisManager;
let state: DaprState;
let contexts: DaprContexts;

beforeAll(async () => {
  server = await startRedis();
  sidecar = await startContextSidecar(server);
  redis = await openRedis(server);
  state = new DaprState({ baseUrl: sidecar.url, apiToken: sidecar.apiToken, deadlineMs: 20_000 });
  contexts = new DaprContexts(state, redis.keyManager, seal, createContextAside(redis, redis.keyManager), {
    saved: () => undefined,
    saveFailed: () => undefined,
    unreadable: () => undefined,
  });
});
afterAll(async () => {
  await contexts?.close();
  await state?.close();
  await redis?.close();
  await sidecar?.stop();
  await server?.stop();
});

const keyOf = (id: string): string => `rtvoice:test:conversation:${id}:context`;

test('what the component wrote is read without a sidecar', async () => {
  const id = newId();
  const context = { ...emptyContext('FNOL'), slots: { name: 'Alice Müller 🚗' }, values: { step: 3 } };
  contexts.changed(id, context);
  await contexts.flush(id);
  expect((await server.cli('hkeys', keyOf(id))).split('\n').sort()).toEqual(['data', 'version']);

  const memo = await MemoManager.fromRedis(id, redis, { seal });
  expect(memo.problems).toEqual([]);
  expect(memo.activeAgent).toBe('FNOL');
  expect(memo.getSlot('name')).toBe('Alice Müller 🚗');
  expect(memo.getContext('step')).toBe(3);
});

test('what was written without a sidecar is read through the component, and saved over, and back', async () => {
  const id = newId();
  const memo = await MemoManager.fromRedis(id, redis, { seal });
  await memo.appendToHistory('user', 'Hello');
  await memo.updateContext({ slots: { policy: 'POL-1' } });
  await memo.persist();

  const read = await contexts.load(id);
  expect(read).toMatchObject({ throughSeq: 1, slots: { policy: 'POL-1' } });
  expect(read?.window.map(({ text }) => text)).toEqual(['Hello']);
  const found = await state.get({ store: CONTEXT_STORE, key: keyOf(id) });
  const version = await server.cli('hget', keyOf(id), 'version');
  expect(found).toMatchObject({ kind: 'found', etag: version });

  contexts.changed(id, { ...(read ?? emptyContext()), slots: { policy: 'POL-2' } });
  await contexts.flush(id);
  expect(Number(await server.cli('hget', keyOf(id), 'version'))).toBe(Number(version) + 1);
  expect(Number(await server.cli('ttl', keyOf(id)))).toBeGreaterThan(1700);
  const again = await MemoManager.fromRedis(id, redis, { seal });
  expect(again.getSlot('policy')).toBe('POL-2');
  await again.persist();
  expect((await contexts.load(id))?.slots).toEqual({ policy: 'POL-2' });
});

test('the ETag of a direct write is one that the component takes', async () => {
  const id = newId();
  const memo = await MemoManager.fromRedis(id, redis, { seal });
  await memo.persist();
  const found = await state.get({ store: CONTEXT_STORE, key: keyOf(id) });
  if (found.kind !== 'found' || found.etag === undefined) throw new Error('not found with an ETag');
  const save = (etag: string) =>
    state.save({ store: CONTEXT_STORE, key: keyOf(id), value: found.value, etag, ttlSeconds: 60 });
  expect(await save(found.etag)).toEqual({ kind: 'saved' });
  expect(await save(found.etag)).toEqual({ kind: 'conflict' });
});
