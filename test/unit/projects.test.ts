/** A test file outside every vitest project would never run, and nobody would see it. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const TOP = ['src', 'tools', 'test', 'bin', 'console'];

it('each test file belongs to exactly one vitest project', async () => {
  const script = resolve('node_modules/vitest/vitest.mjs');
  const { stdout } = await promisify(execFile)(process.execPath, [script, 'list', '--filesOnly', '--json'], {
    maxBuffer: 16 * 1024 ** 2,
  });
  const listed: { file: string; projectName: string }[] = JSON.parse(stdout);
  const claimed = listed.map(({ file }) => relative('.', file)).sort();
  const there = (await Promise.all(TOP.map(testFiles))).flat().sort();
  expect(claimed).toEqual(there);
});

async function testFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() && /\.(test|spec)\.[cm]?[jt]sx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules'));
}
