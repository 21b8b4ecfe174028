import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  isSameProcess,
  type ProcessRecord,
  readStack,
  type StackInfo,
  startTimeOf,
} from '../../src/ops/stack-file.js';
import { Child } from '../../tools/stack/child.js';
import { LogFile } from '../../tools/stack/log-file.js';
import { PortBook } from '../../tools/stack/ports.js';
import { loadSecrets, secretsPath } from '../../tools/stack/secrets.js';
import { endStale } from '../../tools/stack/stale.js';
import { waitFor } from '../../tools/stack/waiting.js';
import { until } from './until.js';

const STAYS = 'setInterval(() => {}, 1000); console.log("up")';
const STUBBORN = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("up")';

let dir: string;
const children: Child[] = [];
const said: string[] = [];

function childOf(
  script: string,
  backoff = { firstMs: 20, capMs: 100, stableMs: 60_000 },
  name = 'one',
): Child {
  const child = new Child(
    {
      name,
      command: process.execPath,
      args: ['-e', script],
      env: { ...process.env, MARK: 'set' },
      cwd: dir,
      logFile: join(dir, `${name}.log`),
    },
    { say: (line) => said.push(line) },
    backoff,
  );
  children.push(child);
  return child;
}

const output = (child: Child): string => readFileSync(child.log.path, 'utf8');
const isUp = (child: Child, times = 1) =>
  until(
    'it is up',
    () =>
      output(child)
        .split('\n')
        .filter((line) => line === 'up').length >= times,
  );

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rtvoice-child-'));
  said.length = 0;
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop('SIGKILL', 0)));
  rmSync(dir, { recursive: true, force: true });
});

describe('a supervised child', () => {
  it('writes into its log, has its environment, and is recorded so that it can be found again', async () => {
    const child = childOf('console.log(process.env.MARK); console.error("e"); setInterval(() => {}, 1000)');
    child.start();
    await until('both lines', () => /set\n/.test(output(child)) && /e\n/.test(output(child)));
    expect(child.record).toMatchObject({ name: 'one', pid: child.pid });
    expect(isSameProcess(child.record ?? null)).toBe(true);
    expect(isSameProcess({ ...(child.record as ProcessRecord), startTime: '1' })).toBe(false);
  });

  it('is started again when it is killed, with another pid, and that is said in one line', async () => {
    const child = childOf(STAYS);
    child.start();
    await isUp(child);
    const before = child.pid;
    child.kill('SIGKILL');
    await isUp(child, 2);
    expect(child.pid).not.toBe(before);
    expect(said).toEqual([expect.stringMatching(/^one ended by SIGKILL; starting it again in 0\.02 s/)]);
  });

  it('waits twice as long each time, up to the cap', async () => {
    const child = childOf('process.exit(7)', { firstMs: 10, capMs: 60, stableMs: 60_000 });
    child.start();
    await until('six ends', () => child.exits >= 6);
    const delays = said
      .slice(0, 6)
      .map((line) => /exit code 7; starting it again in ([\d.]+) s/.exec(line)?.[1]);
    expect(delays).toEqual(['0.01', '0.02', '0.04', '0.06', '0.06', '0.06']);
  });

  it('begins with the first delay again after it was stable', async () => {
    const child = childOf('setTimeout(() => process.exit(1), 150)', {
      firstMs: 10,
      capMs: 1000,
      stableMs: 100,
    });
    child.start();
    await until('three ends', () => child.exits >= 3);
    expect(said.slice(0, 3).every((line) => line.includes('in 0.01 s'))).toBe(true);
  });

  it('a program that is not there is told and tried again, not a crash', async () => {
    const child = new Child(
      { name: 'none', command: '/nonexistent', args: [], env: {}, cwd: dir, logFile: join(dir, 'n.log') },
      {},
      { firstMs: 10, capMs: 10, stableMs: 60_000 },
    );
    children.push(child);
    child.start();
    await until('two ends', () => child.exits >= 2);
    expect(child.lastEnd).toMatch(/ended with exit code 127|could not be started/);
  });

  it('stop ends it and leaves it down; start brings it back', async () => {
    const child = childOf(STAYS);
    child.start();
    await isUp(child);
    const record = child.record ?? null;
    await child.stop();
    expect(isSameProcess(record)).toBe(false);
    expect([child.pid, child.exits]).toEqual([null, 0]);
    child.start();
    await isUp(child, 2);
  });

  it('stop during the delay of a restart leaves it down', async () => {
    const child = childOf('process.exit(1)', { firstMs: 30_000, capMs: 30_000, stableMs: 60_000 });
    child.start();
    await until('it has ended', () => child.exits === 1);
    await child.stop();
    expect(child.pid).toBeNull();
  });

  it('is killed when it does not end within its grace', async () => {
    const child = childOf(STUBBORN);
    child.start();
    await isUp(child);
    const begun = performance.now();
    await child.stop('SIGTERM', 200);
    expect(performance.now() - begun).toBeGreaterThan(190);
    expect(child.pid).toBeNull();
  });
});

describe('stale children', () => {
  const infoWith = (...records: ProcessRecord[]) => ({ children: records }) as unknown as StackInfo;

  it('are found by pid, start time and program, and ended, even those that ignore SIGTERM', async () => {
    const [polite, stubborn] = [
      childOf(STAYS, undefined, 'polite'),
      childOf(STUBBORN, undefined, 'stubborn'),
    ];
    const records = [polite, stubborn].map((child) => {
      child.start();
      return child.record as ProcessRecord;
    });
    await Promise.all([isUp(polite), isUp(stubborn)]);
    const ending = endStale(infoWith(...records));
    // The supervisor of this test would start them again.
    await Promise.all([polite.stop('SIGTERM', 60_000), stubborn.stop('SIGTERM', 60_000)]);
    expect(await ending).toBe(2);
    expect(records.some(isSameProcess)).toBe(false);
  });

  it('a process that only has the pid is left alone', async () => {
    const other = spawn(process.execPath, ['-e', STAYS], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(other.stdout, 'data');
    const pid = other.pid ?? 0;
    const startTime = startTimeOf(pid) ?? '';
    expect(await endStale(infoWith({ name: 'x', pid, startTime: '12', command: 'node' }))).toBe(0);
    expect(await endStale(infoWith({ name: 'x', pid, startTime, command: 'redis-server' }))).toBe(0);
    expect(startTimeOf(pid)).toBe(startTime);
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(startTimeOf(pid)).toBeUndefined();
  });
});

describe('ports', () => {
  it('two stacks never choose the same, preferred ones come first, and all are given back', async () => {
    const [one, two] = [new PortBook('127.0.0.1', join(dir, 'p')), new PortBook('127.0.0.1', join(dir, 'p'))];
    const blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port: busy } = blocker.address() as AddressInfo;
    const chosen = await Promise.all([...Array(20)].map((_, index) => (index % 2 ? one : two).take(busy)));
    expect(new Set(chosen).size).toBe(20);
    expect(chosen).not.toContain(busy);
    await one.releaseAll();
    await two.releaseAll();
    const again = await one.take(chosen[0], busy);
    expect(again).toBe(chosen[0]);
    await expect(two.takeExactly(again, 'FRONT_DOOR_PORT')).rejects.toMatchObject({
      code: 'RTV_STACK_PORT_IN_USE',
    });
    await one.releaseAll();
    blocker.close();
  });
});

describe('files', () => {
  it('secrets are made once, for their owner alone, and a damaged file is not replaced', () => {
    const made = loadSecrets(dir);
    expect(loadSecrets(dir)).toEqual(made);
    expect(Buffer.from(made.dataKey, 'base64')).toHaveLength(32);
    expect(statSync(secretsPath(dir)).mode & 0o777).toBe(0o600);
    writeFileSync(secretsPath(dir), '{"dataKey":');
    expect(() => loadSecrets(dir)).toThrow(/RTV_STACK_SECRETS_UNREADABLE/);
    expect(readFileSync(secretsPath(dir), 'utf8')).toBe('{"dataKey":');
  });

  it('a log keeps its predecessor and is cut when it is too long', () => {
    const path = join(dir, 'x.log');
    writeFileSync(path, 'earlier run\n');
    const log = new LogFile(path, 100);
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('earlier run\n');
    writeFileSync(path, `${'a'.repeat(99)}\nlast\n`);
    expect(log.tail(1)).toBe('last');
    log.rotate();
    expect(statSync(path).size).toBe(0);
    expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/last\n$/);
  });

  it('stack.json is never ready without its runner', () => {
    expect(readStack(dir)).toBeUndefined();
    const runner = { name: 'runner', pid: process.pid, startTime: startTimeOf(process.pid), command: 'node' };
    const info = { ready: true, workers: [], children: [], runner };
    writeFileSync(join(dir, 'stack.json'), JSON.stringify(info));
    expect(readStack(dir)?.ready).toBe(true);
    writeFileSync(
      join(dir, 'stack.json'),
      JSON.stringify({ ...info, runner: { ...runner, startTime: '1' } }),
    );
    expect(readStack(dir)?.ready).toBe(false);
    writeFileSync(join(dir, 'stack.json'), '{"ready":');
    expect(readStack(dir)).toBeUndefined();
  });
});

describe('waiting', () => {
  const quiet = { say: () => undefined, failure: () => undefined };

  it('ends when every check has been true once, and names those that never are', async () => {
    let asked = 0;
    await waitFor([{ name: 'third', probe: async () => ++asked === 3 }], { ...quiet, deadlineMs: 5000 });
    expect(asked).toBe(3);
    const never = { name: 'never', probe: () => Promise.reject(new Error('refused')) };
    await expect(waitFor([never], { ...quiet, deadlineMs: 100 })).rejects.toThrow(
      /RTV_STACK_NOT_READY.*never/,
    );
  });

  it('ends at once when there is no hope', async () => {
    const failure = () => new Error('hopeless');
    const never = { name: 'never', probe: async () => false };
    await expect(waitFor([never], { ...quiet, failure, deadlineMs: 60_000 })).rejects.toThrow('hopeless');
  });
});
