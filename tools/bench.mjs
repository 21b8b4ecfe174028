#!/usr/bin/env node
/**
 * `npm run bench -- NAME [--json] [--option VALUE]`
 *
 * With --json, stdout gets exactly one JSON object and everything else goes to stderr, whatever the bench or
 * the processes that it starts print.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { ROOT, run } from './quality/run.mjs';

/** Set in the inner of two runs: the file for the report. */
const OUT = 'RTVOICE_BENCH_REPORT';
const args = process.argv.slice(2);

try {
  if (args.includes('--json')) await printReport(args.filter((arg) => arg !== '--json'));
  else await measure(args, process.env[OUT] ?? '');
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

/** Runs this very command in a process whose stdout is our stderr, then prints its report. */
async function printReport(args) {
  const folder = await mkdtemp(join(tmpdir(), 'rtvoice-bench-'));
  try {
    const out = join(folder, 'report.json');
    const self = fileURLToPath(import.meta.url);
    const options = { inherit: true, toStderr: true, env: { [OUT]: out } };
    const { code } = await run(process.execPath, [self, ...args], options);
    if (code === 0) process.stdout.write(await readFile(out, 'utf8'));
    process.exitCode ||= code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(args, out) {
  await bootstrap({ build: true, say: (line) => process.stderr.write(`${line}\n`) });
  const cli = join(ROOT, 'dist', 'test', 'bench', 'cli.js');
  const { code } = await run(process.execPath, [cli, out, ...args], { inherit: true });
  process.exitCode ||= code;
}
