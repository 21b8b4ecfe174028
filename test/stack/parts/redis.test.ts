import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { resolveRedis } from '../../../tools/stack/parts/redis.js';
import { freePort, type Started, start, stop } from './processes.js';

let folder: string;
let server: Started | undefined;

beforeEach(async () => {
  // A space, as a user's folder may have one.
  folder = await mkdtemp(join(tmpdir(), 'redis part-'));
});
afterEach(async () => {
  if (server) await stop(server, 'SIGKILL');
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function connected(port: number, password: string): Promise<Redis> {
  return vi.waitFor(
    async () => {
      const options = { port, password, retryStrategy: () => null, lazyConnect: true };
      const redis = new Redis(options);
      redis.on('error', () => {});
      await redis.connect();
      return redis;
    },
    { timeout: 10_000, interval: 50 },
  );
}

test('the local Redis keeps what it acknowledged over kill -9, asks for the password and evicts nothing', async () => {
  const password = 'a "quoted" \\ secret';
  const said: string[] = [];
  const found = await resolveRedis({ stateDir: folder, password, say: (line) => said.push(line) });
  if (found.kind !== 'command') throw new Error('REDIS_HOST is set where the tests run');
  const port = await freePort();
  expect(found.args(port).join(' ')).not.toContain('secret');
  expect((await stat(join(folder, 'redis', 'redis.conf'))).mode & 0o777).toBe(0o600);

  server = start(found.command, found.args(port));
  const redis = await connected(port, password);
  const setting = async (name: string): Promise<unknown> =>
    ((await redis.config('GET', name)) as unknown[])[1];
  expect(await setting('appendonly')).toBe('yes');
  expect(await setting('appendfsync')).toBe('everysec');
  expect(await setting('save')).toBe('');
  expect(await setting('maxmemory-policy')).toBe('noeviction');
  expect(await setting('bind')).toBe('127.0.0.1');
  expect(await setting('dir')).toBe(join(folder, 'redis'));
  await redis.set('turn', 'kept');
  redis.disconnect();

  const stranger = connect(port, '127.0.0.1');
  stranger.write('GET turn\r\n');
  const [refusal] = await once(stranger, 'data');
  expect(String(refusal)).toMatch(/^-NOAUTH/);
  stranger.destroy();

  await stop(server, 'SIGKILL');
  server = start(found.command, found.args(port));
  const again = await connected(port, password);
  expect(await vi.waitFor(() => again.get('turn'), { timeout: 5_000 })).toBe('kept');
  again.disconnect();
}, 30_000);

test('a Redis of somebody else comes first', async () => {
  const say = (): void => {};
  const env = { PATH: process.env.PATH, REDIS_HOST: 'cache.example', REDIS_PORT: '6380' };
  expect(await resolveRedis({ stateDir: folder, say, env })).toEqual({
    kind: 'external',
    host: 'cache.example',
    port: 6380,
  });
  const wrong = { ...env, REDIS_PORT: 'many' };
  await expect(resolveRedis({ stateDir: folder, say, env: wrong })).rejects.toMatchObject({
    code: 'RTV_STACK_REDIS_INVALID',
  });
});

test('a password that would start another directive is refused', async () => {
  const say = (): void => {};
  const env = { PATH: process.env.PATH };
  await expect(
    resolveRedis({ stateDir: folder, say, env, password: 'x\nappendonly no' }),
  ).rejects.toMatchObject({ code: 'RTV_STACK_REDIS_INVALID' });
});

test('without redis-server the image is run, its password in the file only; without Docker the cures are named', async () => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const say = (): void => {};
  const env = { PATH: bin };
  await expect(resolveRedis({ stateDir: folder, say, env })).rejects.toMatchObject({
    code: 'RTV_STACK_REDIS_MISSING',
    message: expect.stringMatching(/apt-get install redis-server[\s\S]*REDIS_HOST[\s\S]*Docker/) as string,
  });

  await writeFile(join(bin, 'docker'), '#!/bin/sh\n[ "$1" = info ] && echo 27.0\nexit 0\n', { mode: 0o755 });
  const found = await resolveRedis({ stateDir: folder, say, env, password: 'secret' });
  if (found.kind !== 'command') throw new Error('not a command');
  expect(found.from).toBe('docker');
  const args = found.args(7001).join(' ');
  expect(args).toContain('-p 127.0.0.1:7001:6379');
  expect(args).not.toContain('secret');
  expect(await readFile(join(folder, 'redis', 'redis.conf'), 'utf8')).toContain('requirepass "secret"');
});
