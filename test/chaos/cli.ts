/**
 * Runs the suite: `cli.js FILE [--option VALUE]`. Started by tools/chaos.mjs, which keeps stdout clean: unless FILE is
 * '', the report goes there as JSON.
 *
 * Exit codes: 0 nothing is wrong, 1 something is, 2 asked for something that does not exist.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { describeMachine } from '../bench/frame.js';
import { FAULT_KINDS, type FaultKind } from './plan.js';
import { type ChaosOptions, type ChaosReport, runChaos } from './run.js';
import { survivalPage } from './survival-page.js';

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const NUMBERS = {
  seed: { default: 1, help: 'what happens is drawn from it' },
  minutes: { default: 3, help: 'how long callers come and faults happen' },
  calls: { default: 10, help: 'calls at once' },
  workers: { default: 3, help: 'workers, each with a sidecar' },
  every: { default: 9, help: 'mean time between two faults, s' },
  settle: { default: 10, help: 'minutes after the last call until nothing may be left' },
} as const;
type NumberName = keyof typeof NUMBERS;

const USAGE = [
  'npm run chaos -- [--seed S] [--minutes M] [--calls N] [--json] …',
  ...Object.entries(NUMBERS).map(([name, one]) => `  --${name.padEnd(9)} ${one.help} (${one.default})`),
  `  --kinds     of faults, parted by commas (${FAULT_KINDS.join(',')})`,
  '  --json      one JSON object on stdout',
  'npm run chaos -- table --out PAGE REPORT… [--recovery REPORT]',
  '              writes docs/what-survives-what.md from reports of the suite and of the bench recovery',
].join('\n');

class UsageError extends Error {}

async function main(argv: readonly string[]): Promise<number> {
  const [file = '', first, ...rest] = argv;
  if (first === 'table') return table(rest);
  const options = optionsOf(first === undefined ? [] : [first, ...rest]);
  const abort = new AbortController();
  const stop = (): void => abort.abort(new Error('interrupted'));
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const machine = describeMachine();
  const report = await runChaos(options, { say, signal: abort.signal });
  // Ids help nobody who has no log; the first ones show what kind of thing it is.
  const { complaints, ...rows } = report;
  const json = { chaos: 'rtvoice', machine, ...rows, complaints: complaints.slice(0, 50) };
  if (file) await writeFile(file, `${JSON.stringify(json)}\n`);
  else process.stdout.write(`${summaryOf(report)}\n`);
  for (const { kind, callId, turnId, what } of complaints.slice(0, 20)) {
    say([kind, callId, turnId, what].filter(Boolean).join('  '));
  }
  return complaints.length === 0 ? 0 : 1;
}

function optionsOf(argv: readonly string[]): ChaosOptions {
  const options = {
    ...Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, { type: 'string' as const }])),
    kinds: { type: 'string' as const },
  };
  let values: Readonly<Record<string, unknown>>;
  try {
    ({ values } = parseArgs({ args: [...argv], options }));
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  }
  const number = (name: NumberName): number => {
    const value = values[name] === undefined ? NUMBERS[name].default : Number(values[name]);
    if (!(value >= 0)) throw new UsageError(`--${name} wants a number\n${USAGE}`);
    return value;
  };
  const kinds = typeof values.kinds === 'string' ? values.kinds.split(',') : undefined;
  const isKind = (kind: string): kind is FaultKind => (FAULT_KINDS as readonly string[]).includes(kind);
  if (kinds && !kinds.every(isKind)) throw new UsageError(`--kinds wants kinds of faults\n${USAGE}`);
  return {
    seed: number('seed'),
    minutes: number('minutes'),
    calls: number('calls'),
    workers: number('workers'),
    every: number('every'),
    settle: number('settle'),
    ...(kinds ? { kinds: kinds.filter(isKind) } : {}),
  };
}

function summaryOf(report: ChaosReport): string {
  const { complaints: _, survival: __, ...rows } = report;
  return Object.entries(rows)
    .map(([name, value]) => `${name.padEnd(14)} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join('\n');
}

async function table(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { out: { type: 'string' }, recovery: { type: 'string' } },
    allowPositionals: true,
  });
  if (!values.out || positionals.length === 0) throw new UsageError(USAGE);
  const read = async (path: string): Promise<unknown> => JSON.parse(await readFile(path, 'utf8'));
  const reports = await Promise.all(positionals.map(read));
  const recovery = values.recovery === undefined ? undefined : await read(values.recovery);
  await writeFile(values.out, survivalPage(reports, recovery));
  return 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (error instanceof UsageError) say(error.message);
    else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
