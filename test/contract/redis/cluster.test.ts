import { afterAll, beforeAll, expect, test } from 'vitest';
import { Component } from '../../../src/stores/keys.js';
import { slotOf } from '../../../src/stores/redis/batch.js';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { startCluster, until } from '../../support/redis-servers.js';
import { contract, managerFor } from './suite.js';

let cluster: Awaited<ReturnType<typeof startCluster>>;
let redis: RedisManager;

beforeAll(async () => {
  cluster = await startCluster(3);
  redis = managerFor({ mode: 'cluster', port: cluster.nodes[0]?.port ?? 0 });
  await redis.start();
});
afterAll(async () => {
  await redis.close();
  await cluster.stop();
});

contract('three-node cluster', () => redis);

test('slots are those of the server, and a session has one', async () => {
  const keys = redis.keyManager;
  for (const id of ['a', 'call-1', 'ü{x}*', '411f0b00-dc73-4528-8ab6-9d7a8b2f1c00']) {
    const session = keys.callKey(id, Component.SESSION);
    expect(slotOf(session)).toBe(Number(await cluster.nodes[0]?.cli('cluster', 'keyslot', session)));
    expect(slotOf(keys.conversationKey(id, Component.HISTORY))).toBe(slotOf(session));
  }
  const entries = Array.from({ length: 20 }, (_, i) => slotOf(keys.cacheKey('tts', `hash-${i}`)));
  expect(new Set(entries).size).toBeGreaterThan(10);
});

test('keys lie on every node, and INFO comes from each', async () => {
  const infos = await redis.info('keyspace');
  expect(infos).toHaveLength(3);
  expect(infos.every((info) => info.db0?.includes('keys='))).toBe(true);
});

test('operations follow a slot that moves to another node', async () => {
  const key = redis.keyManager.callKey('moving', Component.SUMMARY);
  await redis.set(key, 'before', { ttl: 600 });
  const slot = String(slotOf(key));
  const ids = await Promise.all(cluster.nodes.map((node) => node.cli('cluster', 'myid')));
  const counts = await Promise.all(cluster.nodes.map((node) => node.cli('cluster', 'countkeysinslot', slot)));
  const from = counts.indexOf('1');
  const to = (from + 1) % 3;
  const [source, target] = [cluster.nodes[from], cluster.nodes[to]];
  if (source === undefined || target === undefined) throw new Error('no node holds the key');
  await target.cli('cluster', 'setslot', slot, 'importing', ids[from] ?? '');
  await source.cli('cluster', 'setslot', slot, 'migrating', ids[to] ?? '');
  await source.cli('migrate', target.host, String(target.port), key, '0', '5000');
  expect(await redis.get(key)).toBe('before');
  await redis.set(key, 'during', { ttl: 600 });
  for (const node of cluster.nodes) await node.cli('cluster', 'setslot', slot, 'node', ids[to] ?? '');
  expect(await redis.get(key)).toBe('during');
  await redis.set(key, 'after', { ttl: 600 });
  expect(await target.cli('get', key)).toBe('after');
});

test('with one node gone the others serve, and all do once it is back', async () => {
  const dead = cluster.nodes[2];
  if (dead === undefined) throw new Error('no third node');
  const keyOn = async (node: typeof dead): Promise<string> => {
    const nodes = await node.cli('cluster', 'nodes');
    const ranges = [...(nodes.split('\n').find((l) => l.includes('myself')) ?? '').matchAll(/ (\d+)-(\d+)/g)];
    for (let i = 0; ; i += 1) {
      const key = redis.keyManager.callKey(`probe-${i}`, Component.SUMMARY);
      const slot = slotOf(key);
      if (ranges.some(([, a, b]) => slot >= Number(a) && slot <= Number(b))) return key;
    }
  };
  const lost = await keyOn(dead);
  await dead.kill();
  await expect(redis.set(lost, 'x', { ttl: 60 })).rejects.toThrow();
  await dead.start();
  await until('the cluster to serve the slot again', () =>
    redis.set(lost, 'y', { ttl: 60 }).catch(() => false),
  );
  expect(await redis.get(lost)).toBe('y');
});
