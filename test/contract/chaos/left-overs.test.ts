/** The checker's look into a real Redis: it finds each thing that is planted there, and nothing that may stand. */
import { createServer, type Server } from 'node:http';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Addresses } from '../../chaos/check/addresses.js';
import { isClean, leftOversOf } from '../../chaos/check/left-overs.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';

let server: RedisServer;
let redis: Redis;
/** A sidecar that holds these reminders and so many actors. */
let sidecar: Server;
let reminders: string[] = [];
let actors: { type: string; count: number }[] = [];
let at: Addresses;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis({ host: server.host, port: server.port });
  sidecar = createServer((request, response) => {
    const [, callId] = /CallActor\/([^/]+)\/reminders\/keep$/.exec(request.url ?? '') ?? [];
    if (callId) response.writeHead(reminders.includes(callId) ? 200 : 404).end('{}');
    else response.end(JSON.stringify({ actorRuntime: { activeActors: actors } }));
  });
  await new Promise<void>((resolve) => sidecar.listen(0, '127.0.0.1', resolve));
  const { port } = sidecar.address() as { port: number };
  const sidecarUrl = `http://127.0.0.1:${port}`;
  at = {
    redis: { host: server.host, port: server.port, password: '' },
    cosmos: '',
    workers: [{ url: '', sidecarUrl }],
    ...{ daprApiToken: 't', apiToken: 't', environment: 'dev' },
  };
});

beforeEach(async () => {
  await redis.flushall();
  reminders = [];
  actors = [];
});

afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
  await new Promise((resolve) => sidecar.close(resolve));
});

const look = () => leftOversOf(redis, at, ['call-1', 'call-2']);
const set = (key: string, seconds?: number) =>
  seconds === undefined ? redis.set(key, 'x') : redis.set(key, 'x', 'EX', seconds);

it('what stands by its policy is no left-over', async () => {
  await set('rtvoice:dev:cache:tts:abc', 4_000);
  await set('rtvoice:dev:call:call-1:summary', 30_000);
  await set('rtvoice:dev:worker:w.1:heartbeat', 3);
  await redis.zadd('rtvoice:dev:system:workers:live', 1, 'w.1');
  actors = [{ type: 'RetentionActor', count: 1 }];
  const found = await look();
  expect(isClean(found)).toBe(true);
  expect(found.expiring).toEqual({ 'cache:tts': 1, 'call:summary': 1, 'worker:heartbeat': 1 });
});

describe('it finds', () => {
  it.each([
    ['a session', 'rtvoice:dev:call:call-1:session', 60],
    ['a journal', 'rtvoice:dev:conversation:call-1:history', 60],
    ['a context', 'rtvoice:dev:conversation:call-1:context', 60],
    ['a cache entry without an end', 'rtvoice:dev:cache:tts:abc', undefined],
    ['a key of no known name', 'session:call-1', 60],
  ])('%s', async (_, key, seconds) => {
    await set(key, seconds);
    const found = await look();
    expect(found.keys).toHaveLength(1);
    expect(found.keys[0]).toContain(key);
    expect(isClean(found)).toBe(false);
  });

  it('a live call, a call in a worker’s set, a worker without a heartbeat', async () => {
    await redis.zadd('rtvoice:dev:system:calls:live', 1, 'call-1');
    await redis.sadd('rtvoice:dev:worker:w.1:affinity', 'call-2');
    await redis.expire('rtvoice:dev:worker:w.1:affinity', 3_600);
    await redis.zadd('rtvoice:dev:system:workers:live', 1, 'w.9');
    expect([...(await look()).indexEntries].sort()).toEqual([
      'rtvoice:dev:system:calls:live call-1',
      'rtvoice:dev:system:workers:live w.9',
      'rtvoice:dev:worker:w.1:affinity call-2',
    ]);
  });

  it('a reminder, and actors in memory', async () => {
    reminders = ['call-2'];
    actors = [
      { type: 'CallActor', count: 2 },
      { type: 'SubjectActor', count: 1 },
    ];
    expect(await look()).toMatchObject({ reminders: ['call-2'], actors: 3 });
  });
});
