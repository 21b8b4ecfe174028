/** What `npm run bench` and `npm run chaos` share: a report on stdout, alone, when --json is given. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { ROOT, run } from './quality/run.mjs';

/** Set in the inner of two runs: the file for the report. */
const OUT = 'RTVOICE_REPORT';

/**
 * Builds, then runs a compiled program with this process's arguments; its first argument is the file for its report,
 * or '' for a report to people on stdout. Sets the exit code. Never rejects.
 * @param {{ name: string, self: string, cli: string[] }} command self: URL of the file that was started; cli: the
 *   program's path below dist
 */
export async function runReporting({ name, self, cli }) {
  const args = process.argv.slice(2);
  try {
    if (args.includes('--json')) {
      const rest = args.filter((arg) => arg !== '--json');
      await printReport(name, fileURLToPath(self), rest);
    } else await runProgram(join(ROOT, 'dist', ...cli), args);
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

/** Runs this very command in a process whose stdout is our stderr, then prints its report if there is one. */
async function printReport(name, self, args) {
  const folder = await mkdtemp(join(tmpdir(), `rtvoice-${name}-report-`));
  try {
    const out = join(folder, 'report.json');
    const options = { inherit: true, toStderr: true, env: { [OUT]: out } };
    const { code } = await run(process.execPath, [self, ...args], options);
    // A verdict may be bad, and is a report all the same.
    const report = await readFile(out, 'utf8').catch(() => '');
    process.stdout.write(report);
    process.exitCode ||= code;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runProgram(program, args) {
  await bootstrap({ build: true, say: (line) => process.stderr.write(`${line}\n`) });
  const { code } = await run(process.execPath, [program, process.env[OUT] ?? '', ...args], { inherit: true });
  process.exitCode ||= code;
}
