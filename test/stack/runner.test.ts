/** The runner with the real Dapr, Redis, Cosmos stand-in and front door; worker and simulator are fixtures. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSameProcess, readStack } from '../../src/ops/stack-file.js';
import { isFree } from '../../tools/stack/ports.js';
import { type Stack, startStack } from '../../tools/stack/stack.js';
import { until } from './until.js';

// The first start on a machine may have to build Dapr.
const FIRST_START_MS = 600_000;
const fixture = (name: string): [string, string] => [
  process.execPath,
  join(import.meta.dirname, 'fixtures', name),
];
const commands = { worker: fixture('worker.mjs'), simulator: fixture('simulator.mjs') };
const dirs: string[] = [];

function freshDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'rtvoice-stack-'));
  dirs.push(dir);
  return dir;
}

const said: string[] = [];
const start = (stateDir: string, workers: number, env = {}): Promise<Stack> =>
  startStack({ stateDir, workers, commands, env, say: (line) => said.push(line) });

async function dapr(stack: Stack, worker: number, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${stack.worker(worker).daprHttpPort}/v1.0/${path}`, {
    ...init,
    headers: { 'dapr-api-token': stack.secrets.daprApiToken, 'Content-Type': 'application/json' },
    signal: AbortSignal.timeout(5000),
  });
}

const hostOf = async (stack: Stack, actor: string): Promise<string> => {
  const response = await dapr(stack, 1, `actors/CallActor/${actor}/method/who`, {
    method: 'PUT',
    body: '{}',
  });
  return ((await response.json()) as { worker?: string }).worker ?? '';
};

let stack: Stack;
beforeAll(async () => {
  stack = await start(freshDir(), 2);
}, FIRST_START_MS);

afterAll(async () => {
  await stack?.stop();
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true });
});

describe('a stack', () => {
  it('is ready: stack.json says so, actors live on both workers, the front door spreads', async () => {
    const info = readStack(stack.stateDir);
    expect(info).toEqual(stack.info);
    expect(info).toMatchObject({ ready: true, acs: { simulator: true }, cosmos: { standin: true } });
    const hosts = new Set<string>();
    await until(
      'actors on both',
      async () => hosts.add(await hostOf(stack, `a${hosts.size}${Math.random()}`)).size === 2,
    );
    const seen = new Set<string>();
    for (let count = 0; count < 4; count += 1)
      seen.add(await (await fetch(`${info?.publicBaseUrl}/x`)).text());
    expect(seen.size).toBe(2);
  });

  it('refuses API calls without the token', async () => {
    const url = `http://127.0.0.1:${stack.worker(1).daprHttpPort}/v1.0/state/context/x`;
    expect((await fetch(url)).status).toBe(401);
  });

  it('a second one in the same folder is refused, one in another folder runs beside it', async () => {
    await expect(start(stack.stateDir, 1)).rejects.toMatchObject({ code: 'RTV_STACK_ALREADY_RUNNING' });
    const beside = await start(freshDir(), 1);
    const mine = new Set(Object.values(stack.info.ports));
    expect(Object.values(beside.info.ports).filter((port) => mine.has(port))).toEqual([]);
    expect(await hostOf(beside, 'b')).toBe('worker-1');
    await beside.stop();
    expect(readStack(beside.stateDir)).toMatchObject({ ready: false, runner: null, children: [] });
    expect(await Promise.all(Object.values(beside.info.ports).map((port) => isFree(port)))).not.toContain(
      false,
    );
  });

  it('every child that is killed comes back on its port', async () => {
    const names = stack.names();
    const before = new Map(names.map((name) => [name, stack.childPid(name)]));
    for (const name of names) stack.kill(name);
    await until('all have new pids', () =>
      names.every((name) => stack.childPid(name) !== null && stack.childPid(name) !== before.get(name)),
    );
    await stack.waitReady();
    await until('actors answer', async () => (await hostOf(stack, 'again').catch(() => '')) !== '', 20_000);
    expect(readStack(stack.stateDir)?.workers.map(({ pids }) => pids)).toEqual(
      stack.info.workers.map(({ pids }) => pids),
    );
  });

  it('a part that is put down stays down until it is asked for', async () => {
    const second = stack.worker(2);
    await second.down('app');
    await until(
      'all actors are on the first',
      async () => (await hostOf(stack, `c${Math.random()}`).catch(() => '')) === 'worker-1',
    );
    expect([second.pid('app'), stack.info.workers[1]?.pids.app]).toEqual([null, null]);
    second.up('app');
    await stack.waitReady();
  });
});

describe('what is stored', () => {
  it('and the keys survive the end of the stack, in good order and by kill -9 of the runner', async () => {
    const stateDir = freshDir();
    const runner = spawn(process.execPath, [fixture('runner.mjs')[1], stateDir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(runner.stdout, 'data');
    const killed = readStack(stateDir);
    expect(killed?.ready).toBe(true);
    const client = {
      info: killed,
      secrets: (await import('../../tools/stack/secrets.js')).loadSecrets(stateDir),
    };
    const save = async (component: string): Promise<number> => {
      const port = client.info?.workers[0]?.daprHttpPort;
      const response = await fetch(`http://127.0.0.1:${port}/v1.0/state/${component}`, {
        method: 'POST',
        headers: { 'dapr-api-token': client.secrets.daprApiToken, 'Content-Type': 'application/json' },
        body: JSON.stringify([{ key: 'k', value: { kept: component }, metadata: { partitionKey: 's' } }]),
      });
      return response.status;
    };
    expect([await save('context'), await save('transcripts')]).toEqual([204, 204]);
    runner.kill('SIGKILL');
    await once(runner, 'exit');

    let again = await start(stateDir, 1);
    expect(killed?.children.some(isSameProcess)).toBe(false);
    expect(again.secrets).toEqual(client.secrets);
    for (const round of [1, 2]) {
      for (const component of ['context', 'transcripts']) {
        const read = await dapr(again, 1, `state/${component}/k?metadata.partitionKey=s`);
        expect([round, await read.json()]).toEqual([round, { kept: component }]);
      }
      await again.stop();
      if (round === 1) again = await start(stateDir, 1);
    }
  });
});

describe('what cannot start says why, and leaves nothing running', () => {
  it('a port that is in use', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    await expect(start(freshDir(), 1, { FRONT_DOOR_PORT: String(port) })).rejects.toMatchObject({
      code: 'RTV_STACK_PORT_IN_USE',
      message: expect.stringContaining(`FRONT_DOOR_PORT=${port}`),
    });
    blocker.close();
  });

  it('a Redis that refuses', async () => {
    const stateDir = freshDir();
    await expect(start(stateDir, 1, { REDIS_HOST: '127.0.0.1', REDIS_PORT: '1' })).rejects.toMatchObject({
      code: 'RTV_STACK_STORE_REFUSED',
    });
    expect(readStack(stateDir)).toMatchObject({ ready: false, children: [] });
  });

  it('a worker that ends again and again: with the end of its log', async () => {
    const script = 'console.log("RTV_CONFIG_INVALID: example"); process.exit(1)';
    const failing = startStack({
      stateDir: freshDir(),
      workers: 1,
      commands: { ...commands, worker: [process.execPath, '-e', script] },
    });
    await expect(failing).rejects.toMatchObject({
      code: 'RTV_STACK_CHILD_FAILED',
      message: expect.stringContaining('RTV_CONFIG_INVALID: example'),
    });
  });

  it('half a setting', async () => {
    await expect(
      start(freshDir(), 1, { COSMOS_ENDPOINT: 'http://127.0.0.1:1', COSMOS_KEY: '' }),
    ).rejects.toMatchObject({
      code: 'RTV_STACK_SETTING_MISSING',
    });
  });
});
