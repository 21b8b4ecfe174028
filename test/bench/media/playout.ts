/**
 * Hundreds of calls in one worker: the agent talks to every caller all the time while each of them speaks for 40 % of
 * it. Interruptions are off, so that 50 frames a second go both ways on every call; voice activity listens all the same.
 */
import { type FigureRow, figure, type Row, type SeriesRow } from '../frame.js';
import { Host } from './host-control.js';
import { coresUsed, holds, type LoadRun, OWN_GAP_LIMIT_MS, runLoad } from './load.js';
import type { Percentiles } from './load-messages.js';

export interface PlayoutOptions {
  readonly calls: number;
  readonly seconds: number;
  /** Shorter runs after it, for the heap. */
  readonly runs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Of the runs after the first. */
const SHORT_S = 15;
const STEP = 0.8;
const FEWEST = 20;
const MIB = 1024 ** 2;

export async function playout({ calls, seconds, runs, say, signal }: PlayoutOptions): Promise<Row[]> {
  const host = await Host.start({ bargeIn: false });
  try {
    const heaps: number[] = [];
    const one = async (count: number, length: number): Promise<LoadRun> => {
      signal.throwIfAborted();
      const run = await runLoad(host, { calls: count, seconds: length, agentTalks: true }, signal);
      heaps.push((await host.ask({ kind: 'figures', collect: true })).heapBytes);
      say(`playout: ${describe(run)}`);
      return run;
    };
    const asked = await one(calls, seconds);
    for (let run = 1; run < runs; run += 1) await one(calls, SHORT_S);
    const flat = heaps.slice();
    const stalled = asked.callers.ownGapMs.p99 > OWN_GAP_LIMIT_MS;
    if (stalled) say(`playout: THE CALLERS STALLED: ${calls} calls judge nothing here, see calls_that_hold`);
    const most = holds(asked) ? calls : await highest(calls, one);
    return [
      ...rowsOf(asked),
      ...heapRows(flat),
      figure('callers_stalled', '0 or 1', stalled ? 1 : 0),
      figure('calls_that_hold', 'calls', most),
    ];
  } finally {
    await host.stop();
  }
}

/** The highest number of calls, in steps of 20 %, at which the callers and the worker keep their pace. */
async function highest(
  from: number,
  one: (calls: number, seconds: number) => Promise<LoadRun>,
): Promise<number> {
  for (let calls = Math.floor(from * STEP); calls >= FEWEST; calls = Math.floor(calls * STEP)) {
    if (holds(await one(calls, SHORT_S))) return calls;
  }
  return 0;
}

function rowsOf(run: LoadRun): Row[] {
  const { callers, host, lost } = run;
  return [
    seriesOf('frame_gap_300', callers.gapMs),
    seriesOf('frame_gap_of_the_callers', callers.ownGapMs),
    loop(host.loopDelayMs),
    figure('frame_drift', 'ms', callers.driftMs),
    figure('frames_lost_in', 'frames', lost.in),
    figure('frames_lost_out', 'frames', lost.out),
    figure('own_tasks', 'tasks', host.tasks.count),
    figure('own_tasks_over_10_ms', 'tasks', host.tasks.over),
    figure('own_task_longest', 'ms', host.tasks.worstMs),
    figure('collections_over_10_ms', 'collections', host.gc.over),
    figure('worker_cores', 'cores', coresUsed(run)),
    figure('callers_cores', 'cores', callers.cpuMs / host.wallMs),
  ];
}

const seriesOf = (name: string, { n, p50, p95, p99, max }: Percentiles): SeriesRow => ({
  ...{ name, unit: 'ms', n },
  ...{ p50: round(p50), p95: round(p95), p99: round(p99), max: round(max) },
});

/** Node's own histogram of it has no samples to give; its p95 is not kept. */
const loop = ({ p99 }: LoadRun['host']['loopDelayMs']): FigureRow =>
  figure('event_loop_delay_300', 'ms', p99);

/** After each run, with no call left. Flat: the last is not above the second, which was warm. */
function heapRows(heaps: readonly number[]): Row[] {
  const rows = heaps.map((bytes, index) => figure(`heap_after_run_${index + 1}`, 'MiB', bytes / MIB));
  const [, warm] = heaps;
  const last = heaps.at(-1);
  if (warm === undefined || last === undefined) return rows;
  return [...rows, figure('heap_growth_after_warm_up', 'MiB', (last - warm) / MIB)];
}

export const describe = (run: LoadRun): string => {
  const { callers, host, lost, calls } = run;
  const ms = (value: number): string => value.toFixed(1);
  return (
    `${calls} calls: gap p99 ${ms(callers.gapMs.p99)} (callers ${ms(callers.ownGapMs.p99)}, ${callers.priority}), ` +
    `loop p99 ${ms(host.loopDelayMs.p99)}, drift ${ms(callers.driftMs)} ms, ` +
    `${coresUsed(run).toFixed(2)} cores, lost ${lost.in} in ${lost.out} out`
  );
};

const round = (value: number): number => Number(value.toPrecision(6));
