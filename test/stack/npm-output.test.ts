import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../support/stack.js';

/** A project with this one's .npmrc, whose scripts print and fail. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rtvoice-npm-'));
  await copyFile(join(ROOT, '.npmrc'), join(folder, '.npmrc'));
  const scripts = { bench: 'node print.mjs', fails: 'node print.mjs && exit 3' };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'p', version: '1.0.0', scripts }));
  await writeFile(join(folder, 'print.mjs'), 'console.log(JSON.stringify(process.argv.slice(2)))');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Without what an npm around this test hands on to its children. */
function npm(...args: string[]) {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));
  return spawnSync('npm', args, { cwd: folder, env, encoding: 'utf8' });
}

describe('npm in this project', () => {
  it('adds nothing to the output of a command, so that a report stands alone on stdout', () => {
    const { stdout, status } = npm('run', 'bench', '--', 'setup', '--json');
    expect({ stdout, status }).toEqual({ stdout: '["setup","--json"]\n', status: 0 });
  });

  it('hands on the exit code of a command that failed, and its last line stays the last', () => {
    const { stdout, status } = npm('run', 'fails');
    expect({ stdout, status }).toEqual({ stdout: '[]\n', status: 3 });
  });

  it('says why an installation failed when it is asked to, as the bootstrap does', () => {
    const { stderr, status } = npm('ci', '--loglevel=notice');
    expect(status).not.toBe(0);
    expect(stderr).toContain('npm ci');
  });
});
