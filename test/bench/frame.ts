/**
 * What benches share: how a bench is declared, percentiles, rows, the machine, the two forms of output.
 *
 * A bench is a file test/bench/NAME.ts that exports `bench: Bench`; `npm run bench -- NAME [--json]` runs it.
 */
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';

/** Many measurements of one thing. Percentiles by nearest rank: each is a value that was measured. */
export interface SeriesRow {
  readonly name: string;
  readonly unit: string;
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** A single figure: a rate, a count, a size. */
export interface FigureRow {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
}

export type Row = SeriesRow | FigureRow;

/** Settings that a reader needs to judge or repeat the figures. Never personal data, never a secret. */
export type BenchConfig = Readonly<Record<string, string | number | boolean>>;

export interface BenchResult {
  readonly config: BenchConfig;
  readonly rows: readonly Row[];
  /** What a reader might think was measured and was not, one sentence each. */
  readonly notMeasured: readonly string[];
}

export interface BenchContext {
  /** Progress, for people: goes to stderr. */
  readonly say: (line: string) => void;
  /** The bench's options, from the command line or their defaults. */
  readonly options: Readonly<Record<string, number>>;
  /** The parts to run: those of `--only`, or all. */
  readonly only: ReadonlySet<string>;
  /** Aborted on Ctrl-C: stop what was started, then return or throw. */
  readonly signal: AbortSignal;
}

export interface Bench {
  readonly name: string;
  readonly description: string;
  /** Numbers that `--name VALUE` may change; they appear in the output's config. */
  readonly options?: Readonly<Record<string, { readonly default: number; readonly help: string }>>;
  /** Parts that can be run alone: `--only a,b`. */
  readonly parts?: readonly string[];
  readonly run: (context: BenchContext) => Promise<BenchResult>;
}

/** The machine, without a name that would identify it. Memory in MiB. */
export interface Machine {
  readonly cores: number;
  readonly model: string;
  readonly memoryMiB: number;
  readonly os: string;
  readonly node: string;
  /** Load averages over 1, 5 and 15 minutes when the bench began: above 0, somebody else was at work too. */
  readonly loadavg: readonly number[];
}

export interface Report extends BenchResult {
  readonly bench: string;
  readonly machine: Machine;
}

/**
 * Nearest-rank percentile: the smallest value that at least p percent of the values do not exceed.
 * @param sorted ascending, not empty
 * @param p above 0, at most 100
 */
export function percentile(sorted: readonly number[], p: number): number {
  if (!(p > 0 && p <= 100)) throw new RangeError(`percentile ${p} is not in (0, 100]`);
  // Binary fractions lie a hair above the rank that is meant (99.9 % of 1000): that hair is no next rank.
  const value = sorted[Math.ceil((p * sorted.length) / 100 - 1e-9) - 1];
  if (value === undefined) throw new RangeError('no percentile of no values');
  return value;
}

/** A row over samples in any order. Throws on none, and on what is no number: a lost sample is no zero. */
export function series(name: string, unit: string, samples: readonly number[]): SeriesRow {
  const bad = samples.find((sample) => !Number.isFinite(sample));
  if (bad !== undefined) throw new RangeError(`${name}: a sample is ${bad}`);
  if (samples.length === 0) throw new RangeError(`${name}: no samples`);
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (p: number): number => round(percentile(sorted, p));
  return { name, unit, n: sorted.length, p50: at(50), p95: at(95), p99: at(99), max: at(100) };
}

export function figure(name: string, unit: string, value: number): FigureRow {
  if (!Number.isFinite(value)) throw new RangeError(`${name}: the value is ${value}`);
  return { name, unit, value: round(value) };
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cores: processors.length,
    model: processors[0]?.model.trim() || arch(),
    memoryMiB: Math.round(totalmem() / 1024 ** 2),
    os: `${platform()} ${release()} ${arch()}`,
    node: process.versions.node,
    loadavg: loadavg().map(round),
  };
}

/** One JSON object on one line, its members in the documented order, nothing else. */
export function toJson({ bench, machine, config, rows, notMeasured }: Report): string {
  return JSON.stringify({ bench, machine, config, rows, notMeasured });
}

/** The same for people. */
export function toTable({ bench, machine, config, rows, notMeasured }: Report): string {
  const header = ['', 'unit', 'n', 'p50', 'p95', 'p99', 'max'];
  const body = rows.map((row) =>
    'value' in row
      ? [row.name, row.unit, '', String(row.value)]
      : [row.name, row.unit, ...[row.n, row.p50, row.p95, row.p99, row.max].map(String)],
  );
  const widths = header.map((_, column) =>
    Math.max(...[header, ...body].map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const settings = Object.entries(config).map(([key, value]) => `${key} ${value}`);
  return [
    `${bench}: ${settings.join(', ') || 'no settings'}`,
    `${machine.cores} × ${machine.model}, ${machine.memoryMiB} MiB, ${machine.os}, Node ${machine.node}, load ${machine.loadavg.join(' ')}`,
    '',
    ...[header, ...body].map(line),
    ...(notMeasured.length > 0 ? ['', 'Not measured:', ...notMeasured.map((what) => `- ${what}`)] : []),
  ].join('\n');
}

/** Six significant digits: no bench here knows more. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}
