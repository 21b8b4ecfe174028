/** Each rule of .dependency-cruiser.cjs catches a planted violation, and none cries at what is allowed. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const RULES = '.dependency-cruiser.cjs';

/** File → its content. `use(x)` imports a value from x, `see(x)` only a type. */
const use = (...from: string[]): string => from.map((path) => `import '${path}';\n`).join('');
const see = (...from: string[]): string =>
  from
    .map((path, at) => `import type * as T${at} from '${path}';\nexport type U${at} = typeof T${at};\n`)
    .join('');

const TREE: Readonly<Record<string, string>> = {
  // What is there to be imported.
  'src/errors.ts': '',
  'src/config.ts': '',
  'src/files.ts': use('node:fs'),
  'src/stores/redis.ts': use('ioredis', '../errors.js'),
  'src/acs/client.ts': use('@azure/communication-call-automation'),
  'src/acs/wire.ts': '',
  'src/audio/wav.ts': use('lru-cache', 'node:buffer'),
  'src/ops/stack-file.ts': '',
  'src/ops/metrics.ts': '',
  'src/privacy/good.ts': use('node:crypto', '../errors.js'),
  'tools/tool.ts': '',
  'test/support/help.ts': '',

  // What is allowed.
  'src/main.ts': use('./config.js', './stores/redis.js', './acs/client.js', './call/good.js', 'express'),
  'src/call/good.ts': use('node:crypto', 'node:util', 'zod', '../privacy/good.js', '../errors.js'),
  'src/call/good.test.ts': use('vitest', 'node:fs', '../stores/redis.js', '../../test/support/help.js'),
  'src/media/good.ts': use('../acs/wire.js', '../call/good.js', 'ws'),
  'src/actors/good.ts': `${see('../stores/redis.js')}${use('../call/good.js', '@dapr/dapr')}`,
  'src/simulator/good.ts': use('../audio/wav.js', 'ws', 'node:http'),
  'src/frontdoor/good.ts': use('../ops/stack-file.js', 'node:http'),
  'src/http/good.ts': `${see('vitest')}${use('../stores/redis.js')}`,
  'test/chaos/check/good.ts': use('ioredis', '../../../src/simulator/good.js'),
  'test/chaos/run.ts': use('./check/good.js', '../../tools/tool.js'),

  // What is not.
  'src/call/reads-file.ts': use('node:fs/promises'),
  'src/call/opens-socket.ts': use('net'),
  'src/call/knows-redis.ts': see('ioredis'),
  'src/call/knows-azure.ts': use('@azure/cosmos'),
  'src/call/imports-store.ts': see('../stores/redis.js'),
  'src/call/imports-config.ts': use('../config.js'),
  'src/call/through-another.ts': use('../files.js'),
  'src/privacy/spawns.ts': use('node:child_process'),
  'src/privacy/serves.ts': use('express'),
  'src/media/imports-store.ts': use('../stores/redis.js'),
  'src/media/imports-client.ts': use('../acs/client.js'),
  'src/media/knows-redis.ts': use('ioredis'),
  'src/actors/imports-store.ts': use('../stores/redis.js'),
  'src/simulator/imports-worker.ts': use('../acs/wire.js'),
  'src/simulator/imports-root.ts': use('../errors.js'),
  'src/audio/imports-worker.ts': see('../acs/wire.js'),
  'src/frontdoor/imports-worker.ts': use('../ops/metrics.js'),
  'test/chaos/check/knows-worker.ts': see('../../../src/privacy/good.js'),
  'test/chaos/check/through-support.ts': use('../../support/help.js'),
  'src/http/imports-tool.ts': use('../../tools/tool.js'),
  'src/http/imports-test.ts': use('../../test/support/help.js'),
  'src/http/needs-dev.ts': use('vitest'),
  'src/http/imports-main.ts': use('../main.js'),
  'src/http/unresolved.ts': use('./nowhere.js'),
  'src/http/cycle-a.ts': use('./cycle-b.js'),
  'src/http/cycle-b.ts': use('./cycle-a.js'),
};

const CAUGHT = [
  'no-cycles: src/http/cycle-a.ts',
  'resolvable: src/http/unresolved.ts',
  'pure-no-io: src/call/reads-file.ts',
  'pure-no-io: src/call/opens-socket.ts',
  'pure-no-io: src/privacy/spawns.ts',
  'pure-no-io-packages: src/call/knows-redis.ts',
  'pure-no-io-packages: src/call/knows-azure.ts',
  'pure-no-io-packages: src/privacy/serves.ts',
  'pure-inward: src/call/imports-store.ts',
  'pure-inward: src/call/imports-config.ts',
  'pure-all-the-way: src/call/through-another.ts',
  'media-through-ports: src/media/imports-store.ts',
  'media-through-ports: src/media/imports-client.ts',
  'media-through-ports: src/media/knows-redis.ts',
  'actors-through-ports: src/actors/imports-store.ts',
  'simulator-apart: src/simulator/imports-worker.ts',
  'simulator-apart: src/simulator/imports-root.ts',
  'audio-apart: src/audio/imports-worker.ts',
  'frontdoor-apart: src/frontdoor/imports-worker.ts',
  'checker-apart: test/chaos/check/knows-worker.ts',
  'checker-apart: test/chaos/check/through-support.ts',
  'src-stands-alone: src/http/imports-tool.ts',
  'src-stands-alone: src/http/imports-test.ts',
  'no-dev-packages: src/http/needs-dev.ts',
  'main-is-the-root: src/http/imports-main.ts',
];

interface Cruise {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly rule: { readonly name: string };
    }[];
    readonly ruleSetUsed: { readonly forbidden: readonly { readonly name: string }[] };
  };
}

let root = '';
let cruise: Cruise;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rtvoice-layers-'));
  for (const [path, content] of Object.entries(TREE)) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  for (const file of [RULES, 'tsconfig.json', 'package.json']) await cp(file, join(root, file));
  await symlink(resolve('node_modules'), join(root, 'node_modules'));
  cruise = JSON.parse(await depcruise(root));
});
afterAll(() => rm(root, { recursive: true, force: true }));

it('catches each planted violation', () => {
  const found = violations();
  for (const expected of CAUGHT) expect(found).toContain(expected);
});

it('leaves alone what is allowed', () => {
  const planted = new Set(CAUGHT.map((line) => line.split(': ')[1]));
  expect(violations().filter((line) => !planted.has(line.split(': ')[1]))).toEqual([]);
});

it('has a planted violation for each rule', () => {
  const rules = cruise.summary.ruleSetUsed.forbidden.map(({ name }) => name);
  const proved = new Set(CAUGHT.map((line) => line.split(': ')[0]));
  expect(rules.filter((name) => !proved.has(name))).toEqual([]);
});

function violations(): string[] {
  return cruise.summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`);
}

/** The cruise's JSON. Its exit code is the number of violations, so a failure is what we want here. */
function depcruise(cwd: string): Promise<string> {
  const script = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [script, '--config', RULES, '--output-type', 'json', 'src', 'tools', 'test'];
  return new Promise((done, fail) => {
    execFile(process.execPath, args, { cwd, maxBuffer: 64 * 1024 ** 2 }, (error, stdout, stderr) => {
      if (stdout.startsWith('{')) done(stdout);
      else fail(new Error(`no cruise: ${stderr}`, { cause: error }));
    });
  });
}
