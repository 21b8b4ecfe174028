/** `rtvoice ttl audit`: what it prints and the code it ends with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ttlCommand } from '../../../src/cli/ttl.js';
import { freePort, type RedisServer, startRedis } from '../../support/redis-servers.js';

let server: RedisServer;
let stateDir: string;
let printed = '';

beforeAll(async () => {
  server = await startRedis();
  stateDir = await mkdtemp(join(tmpdir(), 'rtvoice-ttl-'));
});
afterAll(async () => {
  await server.stop();
  await rm(stateDir, { recursive: true, force: true });
});
beforeEach(() => {
  printed = '';
  const take = (text: unknown): boolean => {
    printed += String(text);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(take);
  vi.spyOn(process.stderr, 'write').mockImplementation(take);
  vi.stubEnv('RTVOICE_STATE_DIR', stateDir);
  vi.stubEnv('ENVIRONMENT', 'test');
  vi.stubEnv('TTL_MULTIPLIER', '1');
  vi.stubEnv('REDIS_HOST', server.host);
  vi.stubEnv('REDIS_PORT', String(server.port));
  vi.stubEnv('DAPR_HTTP_PORT', '');
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
});

async function run(...args: string[]): Promise<{ code: unknown; printed: string }> {
  process.exitCode = undefined;
  printed = '';
  await ttlCommand().parseAsync(['audit', ...args], { from: 'user' });
  return { code: process.exitCode, printed };
}

test('0 when clean, 1 with offenders, repaired or not, and 0 again', async () => {
  await server.cli('set', 'rtvoice:test:cache:tts:good', 'x', 'EX', '60');
  expect(await run()).toEqual({ code: 0, printed: expect.stringMatching(/^1 keys in \d+ ms: clean\n$/) });
  await server.cli('set', 'rtvoice:test:cache:tts:bad', 'x');
  const found = await run('--json');
  expect(found.code).toBe(1);
  expect(JSON.parse(found.printed)).toMatchObject({
    kind: 'ttl_audit',
    scanned: 2,
    offenders: { no_ttl: 1 },
  });
  const repaired = await run('--repair');
  expect(repaired.code).toBe(1);
  expect(repaired.printed).toContain('repaired 1, owners woken 0');
  expect((await run()).code).toBe(0);
});

test('3 when Redis cannot be reached', async () => {
  vi.stubEnv('REDIS_PORT', String(await freePort()));
  expect(await run('--json')).toEqual({ code: 3, printed: expect.stringContaining('RTV_REDIS_UNAVAILABLE') });
}, 30_000);

test('says what is missing', async () => {
  vi.stubEnv('REDIS_HOST', '');
  await expect(run()).rejects.toMatchObject({ code: 'RTV_CONFIG_INVALID' });
});
