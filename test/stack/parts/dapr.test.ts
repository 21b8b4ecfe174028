import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Dapr, resolveDapr } from '../../../tools/stack/parts/dapr.js';
import { atLeast } from '../../../tools/stack/parts/version.js';
import { start } from './processes.js';

let folder: string;
let said: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dapr-part-'));
  said = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (...parts: string[]): string => join(folder, ...parts);

async function script(file: string, text: string): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

/** A folder with programs that tell a version, as an installed Dapr's would. */
async function fakeDapr(
  dir: string,
  version: string,
  names = ['daprd', 'placement', 'scheduler'],
): Promise<void> {
  for (const name of names) await script(join(dir, name), `[ "$1" = --version ] && echo ${version}`);
}

function environment(extra: Record<string, string> = {}): Record<string, string> {
  return { HOME: at('home'), RTVOICE_CACHE_DIR: at('cache'), PATH: `${at('bin')}:/usr/bin:/bin`, ...extra };
}

function resolve(extra: Record<string, string> = {}): Promise<Dapr> {
  return resolveDapr({ say: (line) => said.push(line), env: environment(extra) });
}

/** A Go that answers `go env` and "builds" programs that tell the version; it logs each build. */
async function fakeGo(version = '1.26.8'): Promise<void> {
  await script(
    at('bin', 'go'),
    `if [ "$1" = env ]; then
  for name in "$@"; do case $name in
    GOVERSION) echo go${version};; GOTOOLCHAIN) echo local;; GOCACHE|GOMODCACHE) echo /nowhere;; esac; done
  exit 0
fi
while [ "$1" != -o ]; do shift; done
echo "$2" >> ${at('builds')}
printf '#!/bin/sh\\necho 1.18.3\\n' > "$2"; chmod +x "$2"`,
  );
}

const builds = async (): Promise<string[]> =>
  (await readFile(at('builds'), 'utf8').catch(() => '')).split('\n').filter(Boolean);

test('the order: setting, home, PATH, cache, image, build', async () => {
  await fakeGo();
  expect(await resolve()).toMatchObject({ from: 'go', version: '1.18.3' });
  expect(await builds()).toHaveLength(3);
  expect(said.join('\n')).toMatch(/placement \(1 of 3\)[\s\S]*scheduler \(2 of 3\)[\s\S]*daprd \(3 of 3\)/);

  expect(await resolve()).toMatchObject({
    from: 'cache',
    dir: expect.stringContaining(at('cache')) as string,
  });
  expect(await builds()).toHaveLength(3);

  await fakeDapr(at('bin'), '1.18.4');
  expect(await resolve()).toMatchObject({ from: 'installed', dir: at('bin'), version: '1.18.4' });

  await fakeDapr(at('home', '.dapr', 'bin'), '1.19.0');
  expect(await resolve()).toMatchObject({ from: 'installed', version: '1.19.0' });

  await fakeDapr(at('mine'), '1.18.3');
  expect(await resolve({ RTVOICE_DAPR_BIN: at('mine') })).toEqual({
    dir: at('mine'),
    daprd: at('mine', 'daprd'),
    placement: at('mine', 'placement'),
    scheduler: at('mine', 'scheduler'),
    version: '1.18.3',
    from: 'env',
  });
}, 30_000);

test('an installed Dapr that is too old, lacks a program or does not run is passed over', async () => {
  await fakeGo();
  await fakeDapr(at('home', '.dapr', 'bin'), '1.18.2');
  await fakeDapr(at('bin'), '1.18.3', ['daprd', 'placement']);
  expect((await resolve()).from).toBe('go');
  expect(said[0]).toContain('1.18.2; 1.18.3 or later is needed');
  await script(at('bin', 'scheduler'), 'true');
  await script(at('bin', 'daprd'), 'exit 1');
  expect((await resolve()).from).toBe('cache');
}, 30_000);

test('a RTVOICE_DAPR_BIN that does not hold a usable Dapr is an error, not passed over', async () => {
  await fakeGo();
  const code = { code: 'RTV_STACK_DAPR_INVALID' };
  await expect(resolve({ RTVOICE_DAPR_BIN: at('none') })).rejects.toMatchObject(code);
  await fakeDapr(at('old'), '1.17.9');
  await expect(resolve({ RTVOICE_DAPR_BIN: at('old') })).rejects.toMatchObject(code);
  expect(await builds()).toEqual([]);
});

test('the image comes before a build; one that cannot be copied leaves it to Go', async () => {
  await fakeGo();
  const docker = (copy: string): Promise<void> =>
    script(
      at('bin', 'docker'),
      `echo "$@" >> ${at('docker')}
case $1 in info) echo 27.0;; create) echo pulling >&2; echo c0ffee;; cp) ${copy};; esac`,
    );
  await docker('echo no such file >&2; exit 1');
  expect((await resolve()).from).toBe('go');
  await rm(at('cache'), { recursive: true });

  await docker(`printf '#!/bin/sh\\necho 1.18.3\\n' > "$3"`);
  expect((await resolve()).from).toBe('docker');
  expect((await resolve()).from).toBe('cache');
  const calls = await readFile(at('docker'), 'utf8');
  expect(calls).toContain('create daprio/dapr:1.18.3');
  expect(calls.trim().split('\n').at(-1)).toBe('rm -f c0ffee');
  expect(await builds()).toHaveLength(3);
}, 30_000);

test('with nothing at hand the error names every way; a failed build shows the compiler', async () => {
  // A PATH without Go or Docker, whatever this machine has.
  const path = { PATH: at('bin') };
  await expect(resolve(path)).rejects.toMatchObject({
    code: 'RTV_STACK_DAPR_MISSING',
    message: expect.stringMatching(/dapr init[\s\S]*RTVOICE_DAPR_BIN[\s\S]*Docker[\s\S]*Go 1\.26/) as string,
  });
  await fakeGo('1.25.3');
  await expect(resolve()).rejects.toThrow(/1\.25\.3, 1\.26\.\d+ or later is needed/);
  await script(
    at('bin', 'go'),
    '[ "$1" = env ] && { echo go1.26.8; echo local; exit 0; }; echo broken >&2; exit 1',
  );
  await expect(resolve()).rejects.toMatchObject({
    code: 'RTV_STACK_DAPR_BUILD_FAILED',
    message: expect.stringContaining('broken') as string,
  });
  expect(await readdir(at('cache'))).toEqual([]);
}, 30_000);

test('two that build at once build once', async () => {
  await fakeGo();
  const found = await Promise.all([resolve(), resolve(), resolve()]);
  expect(found.map(({ from }) => from).sort()).toEqual(['cache', 'cache', 'go']);
  expect(await builds()).toHaveLength(3);
}, 30_000);

test('the lock of a build that was killed is taken over', async () => {
  await fakeGo();
  const gone = start('true', []);
  await gone.exited;
  await mkdir(at('cache'));
  await writeFile(at('cache', 'dapr-1.18.3.lock'), `${gone.child.pid} 1`);
  expect((await resolve()).from).toBe('go');
}, 30_000);

test('versions compare by number', () => {
  expect(atLeast('1.18.10', '1.18.3')).toBe(true);
  expect(atLeast('v1.18.3', '1.18.3')).toBe(true);
  expect(atLeast('1.9.9', '1.18.3')).toBe(false);
  expect(atLeast('edge', '1.18.3')).toBe(false);
});
