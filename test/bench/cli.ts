/**
 * Runs one bench: `cli.js FILE NAME [--option VALUE]`. Started by tools/bench.mjs, which keeps stdout clean:
 * unless FILE is '', the report goes there as JSON, and tools/bench.mjs prints it.
 *
 * Exit codes: 0 measured, 1 failed, 2 asked for something that does not exist.
 */
import { writeFile } from 'node:fs/promises';
import { type Bench, type BenchResult, describeMachine, toJson, toTable } from './frame.js';
import { loadBenches, parseOptions, takeOnly, UsageError } from './load.js';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function main(argv: readonly string[]): Promise<void> {
  const [out, name, ...rest] = argv;
  const { bench, options, only } = await choose(name, rest);

  const abort = new AbortController();
  const stop = (): void => abort.abort(new Error('interrupted'));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);

  const machine = describeMachine();
  const started = performance.now();
  const result: BenchResult = await bench.run({ say, options, only, signal: abort.signal });
  abort.signal.throwIfAborted();
  say(`measured in ${((performance.now() - started) / 1000).toFixed(1)} s`);

  const report = { ...result, bench: bench.name, machine, config: { ...options, ...result.config } };
  if (out) await writeFile(out, `${toJson(report)}\n`);
  else process.stdout.write(`${toTable(report)}\n`);
}

async function choose(
  name: string | undefined,
  rest: readonly string[],
): Promise<{ bench: Bench; options: Record<string, number>; only: ReadonlySet<string> }> {
  const benches = await loadBenches(name);
  const bench = benches.find((candidate) => candidate.name === name);
  if (bench) {
    const { only, rest: others } = takeOnly(bench, rest);
    return { bench, only, options: parseOptions(bench, others) };
  }
  const lines = benches.map(({ name, description }) => `  ${name.padEnd(12)} ${description}`);
  throw new UsageError(
    [name ? `no bench ${name}; there are:` : 'npm run bench -- NAME [--json]; there are:', ...lines].join(
      '\n',
    ),
  );
}

main(process.argv.slice(2)).then(
  // Whatever a bench has left open must not keep the process: its figures are out.
  () => process.exit(0),
  (error: unknown) => {
    if (error instanceof UsageError) say(error.message);
    else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
