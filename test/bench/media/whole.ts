/** Through the whole system, Dapr and all: first frames of replies, and calls per core with real turns. */

import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { CallResult } from '../../../src/simulator/core/report.js';
import { type StackView, startTestStack } from '../../support/stack.js';
import { figure, type Row, series } from '../frame.js';

export interface WholeOptions {
  readonly calls: number;
  /** Live at once. */
  readonly concurrency: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const WARM_UP_CALLS = 6;
/** The worker's own share; and with what speech that was ready waited until the turn that it answers was durable. */
const OWN_MS = 'rtvoice_reply_first_frame_own_ms';
const WHOLE_MS = 'rtvoice_reply_first_frame_ms';
/** Answered by a fixed sentence, which is in the cache after the first call; then by one that no other call has. */
const scriptOf = (call: number) => [
  { say: 'I want to report a claim.' },
  { say: 'My reference number.', text: `My reference is ${[...String(call).padStart(5, '0')].join(' ')}.` },
];

interface Placing {
  readonly first: number;
  readonly calls: number;
  readonly concurrency: number;
  readonly signal: AbortSignal;
}

/** Places calls, always so many at once. One that does not end well ends the bench. */
async function place(view: StackView, { first, calls, concurrency, signal }: Placing): Promise<CallResult[]> {
  const results: CallResult[] = [];
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) {
      signal.throwIfAborted();
      const number = first + next++;
      const result = await view.place({ script: scriptOf(number), seed: number + 1 }, undefined, signal);
      if (result.outcome !== 'completed' || result.noReplies > 0) {
        throw new Error(`a call ended as ${result.outcome}, ${result.noReplies} replies missing`);
      }
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return results;
}

/** Final text → first frame, the worker's own share: at a load that leaves the machine room. */
export async function firstFrames({ calls, concurrency, say, signal }: WholeOptions): Promise<Row[]> {
  setMaxListeners(0, signal);
  const system = await startTestStack({ workers: 1, say, signal });
  try {
    const { view } = system;
    await place(view, { first: 90_000, calls: WARM_UP_CALLS, concurrency, signal });
    await view.samples('DELETE');
    say(`first frames: ${calls} calls, ${concurrency} at once`);
    await place(view, { first: 0, calls, concurrency, signal });
    const samples = await view.samples();
    const from = (metric: string, ...tiers: string[]): number[] =>
      samples
        .filter(({ name, labels }) => name === metric && tiers.includes(labels.from ?? ''))
        .flatMap(({ values }) => values);
    return [
      series('first_frame_cached', 'ms', from(OWN_MS, 'memory', 'store')),
      series('first_frame_synthesised', 'ms', from(OWN_MS, 'synthesis')),
      series('first_frame_cached_on_record', 'ms', from(WHOLE_MS, 'memory', 'store')),
      series('first_frame_synthesised_on_record', 'ms', from(WHOLE_MS, 'synthesis')),
    ];
  } finally {
    await system.remove();
  }
}

/** Calls with real turns, over the cores that the worker, its sidecar, Redis, placement and scheduler used. */
export async function wholeCapacity({ calls, concurrency, say, signal }: WholeOptions): Promise<Row[]> {
  setMaxListeners(0, signal);
  const system = await startTestStack({ workers: 1, say, signal });
  try {
    const { view } = system;
    await place(view, { first: 80_000, calls: WARM_UP_CALLS, concurrency: WARM_UP_CALLS, signal });
    const pids = view.info.children
      .filter(({ name }) => /^(worker|daprd|redis|placement|scheduler)/.test(name))
      .map(({ name, pid }) => ({ name, pid }));
    say(`whole: ${calls} calls, ${concurrency} at once; CPU of ${pids.map(({ name }) => name).join(', ')}`);
    const framesIn = () => view.metric('rtvoice_media_frames_total', { direction: 'in' });
    const framesOut = () => view.metric('rtvoice_media_frames_total', { direction: 'out' });
    const before = { cpu: await cpuMs(pids), in: await framesIn(), out: await framesOut() };
    const started = performance.now();
    const results = await place(view, { first: 0, calls, concurrency, signal });
    const wallMs = performance.now() - started;
    const after = { cpu: await cpuMs(pids), in: await framesIn(), out: await framesOut() };
    const sum = (pick: (result: CallResult) => number): number =>
      results.reduce((total, result) => total + pick(result), 0);
    const sent = sum(({ audio }) => audio.framesSent);
    const received = sum(({ audio }) => audio.framesReceived);
    // Each frame is 20 ms of a live call.
    const live = (sent * 20) / wallMs;
    const cores = [...after.cpu].map(
      ([name, ms]) => [name, (ms - (before.cpu.get(name) ?? 0)) / wallMs] as const,
    );
    const used = cores.reduce((total, [, share]) => total + share, 0);
    return [
      figure('calls_per_core_whole', 'calls', live / used),
      figure('calls_live_whole', 'calls', live),
      ...cores.map(([name, share]) => figure(`cores_${name}`, 'cores', share)),
      figure('frames_whole', 'frames', sent + received),
      figure(
        'frames_lost_whole',
        'frames',
        sent - (after.in - before.in) + (after.out - before.out - received),
      ),
    ];
  } finally {
    await system.remove();
  }
}

/** CPU time so far, by process, ms. Linux counts it in ticks of 10 ms. */
async function cpuMs(
  processes: readonly { readonly name: string; readonly pid: number }[],
): Promise<Map<string, number>> {
  const entries = await Promise.all(
    processes.map(async ({ name, pid }) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // After the name in brackets, which may hold blanks: user and system time are the 12th and 13th.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [name, (Number(fields[11]) + Number(fields[12])) * 10] as const;
    }),
  );
  return new Map(entries);
}
