import { afterAll, beforeAll, expect, test } from 'vitest';
import { Component } from '../../../src/stores/keys.js';
import type { RedisManager, TokenSource } from '../../../src/stores/redis/index.js';
import { type RedisServer, startRedis, until } from '../../support/redis-servers.js';
import { contract, managerFor } from './suite.js';

const OBJECT_ID = '7f0c9d0e-6f0a-4c55-9b5e-0d5a3a1f2b11';
const LIFETIME_MS = 3000;

/**
 * Tokens of an identity provider that the server knows as passwords of one ACL user: the newest is valid, the
 * one before it until it expires, and connections that still rest on an expired one are killed, as the
 * managed service does.
 */
class RotatingTokens implements TokenSource {
  issued = 0;
  failNext = 0;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(
    private readonly server: RedisServer,
    private readonly lifetimeMs: number,
  ) {}

  async getToken(): Promise<{ token: string; expiresOnTimestamp: number }> {
    if (this.failNext > 0) {
      this.failNext -= 1;
      throw new Error('the identity endpoint is away');
    }
    this.issued += 1;
    const claims = Buffer.from(JSON.stringify({ oid: OBJECT_ID, n: this.issued })).toString('base64url');
    const token = `e30.${claims}.signature-${this.issued}`;
    await this.server.cli('acl', 'setuser', OBJECT_ID, 'on', `>${token}`, '~*', '&*', '+@all');
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.server.cli('acl', 'setuser', OBJECT_ID, `<${token}`).catch(() => {});
    }, this.lifetimeMs);
    this.#timers.add(timer);
    return { token, expiresOnTimestamp: Date.now() + this.lifetimeMs };
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

let server: RedisServer;
let redis: RedisManager;
let tokens: RotatingTokens;
const refreshes: string[] = [];

beforeAll(async () => {
  server = await startRedis();
  tokens = new RotatingTokens(server, LIFETIME_MS);
  const entra = { credential: tokens, refreshMarginMs: 1500, refreshJitterMs: 300 };
  redis = managerFor(
    { mode: 'plain', port: server.port, entra },
    { credentialRefresh: (outcome) => void refreshes.push(outcome) },
  );
  await redis.start();
});
afterAll(async () => {
  await redis.close();
  tokens.stop();
  await server.stop();
});

contract('an ACL user whose password expires', () => redis);

async function authentications(): Promise<number> {
  return Number(/cmdstat_auth:calls=(\d+)/.exec(await server.cli('info', 'commandstats'))?.[1] ?? 0);
}

async function connections(): Promise<{ id: string; user: string }[]> {
  return (await server.cli('client', 'list'))
    .split('\n')
    .filter((line) => line.includes('name=rtvoice'))
    .map((line) => ({ id: /id=(\d+)/.exec(line)?.[1] ?? '', user: /user=(\S+)/.exec(line)?.[1] ?? '' }));
}

test('tokens rotate under load: live connections authenticate again and no operation fails', async () => {
  expect((await connections()).map(({ user }) => user)).toEqual([OBJECT_ID, OBJECT_ID]);
  const key = redis.keyManager.callKey('rotating', Component.METRICS);
  const before = { ids: (await connections()).map(({ id }) => id), auths: await authentications() };
  const target = tokens.issued + 3;
  const failures: unknown[] = [];
  let done = 0;
  await until('three rotations', async () => {
    await redis
      .withClient('incr', (client) => client.incr(key), { key })
      .catch((e: unknown) => failures.push(e));
    done += 1;
    return tokens.issued >= target && refreshes.filter((r) => r === 'ok').length >= target;
  });
  expect(failures).toEqual([]);
  expect(Number(await redis.get(key))).toBe(done);
  expect((await connections()).map(({ id }) => id)).toEqual(before.ids);
  expect(await authentications()).toBeGreaterThanOrEqual(before.auths + 6);
});

test('a connection opened after the rotation uses the fresh token', async () => {
  await server.cli('client', 'kill', 'user', OBJECT_ID);
  await until('reconnection', async () => (await connections()).length === 2 && redis.state === 'up');
  expect((await connections()).every(({ user }) => user === OBJECT_ID)).toBe(true);
  expect(await redis.ping()).toBeGreaterThan(0);
});

test('a refresh that fails is counted, repeated, and made good before the token ends', async () => {
  const failed = (): number => refreshes.filter((outcome) => outcome === 'failed').length;
  const before = failed();
  const issued = tokens.issued;
  tokens.failNext = 2;
  await until('the failures', () => failed() >= before + 2);
  await until('a new token', () => tokens.issued > issued);
  expect(redis.state).toBe('up');
  expect(await redis.ping()).toBeGreaterThan(0);
});
