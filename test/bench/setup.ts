/** How long a caller waits, and for what: from IncomingCall to the answer, to the first word, to each reply. */
import { setMaxListeners } from 'node:events';
import type { CallResult } from '../../src/simulator/core/report.js';
import { eventually, type StackView, startTestStack, type WorkerSamples } from '../support/stack.js';
import { type Bench, type BenchContext, type BenchResult, figure, series } from './frame.js';

const GREETING_AND_TWO_TURNS = 5;
/** Answered by a fixed sentence, which is in the cache after the first call. */
const CACHED_LINE = { say: 'I want to report a claim.' };
/** Read back to the caller: words that no other call has, so that each reply is synthesised. */
const uniqueLine = (call: number) => ({
  say: 'My reference number.',
  text: `My reference is ${[...String(call).padStart(5, '0')].join(' ')}.`,
});

/** One turn of each kind, then the end. */
const scriptOf = (call: number) => [CACHED_LINE, { ...uniqueLine(call) }];

export const bench: Bench = {
  name: 'setup',
  description: 'call set-up, first audio, replies and turn commits over many simulated calls',
  options: {
    calls: { default: 300, help: 'calls to measure' },
    concurrency: { default: 8, help: 'calls at once' },
    warmup: { default: 12, help: 'calls before them, not measured' },
    workers: { default: 2, help: 'workers, each with a sidecar' },
  },
  run,
};

async function run({ say, options, signal }: BenchContext): Promise<BenchResult> {
  const { calls = 0, concurrency = 1, warmup = 0, workers = 1 } = options;
  // Each live call listens to it.
  setMaxListeners(0, signal);
  const system = await startTestStack({ workers, say, signal });
  try {
    const { view } = system;
    say(`warming up: ${warmup} calls`);
    await placeAll(view, { first: 90_000, calls: warmup, concurrency, signal, say });
    await view.samples('DELETE');
    say(`measuring: ${calls} calls, ${concurrency} at once`);
    const results = await placeAll(view, { first: 0, calls, concurrency, signal, say });
    await eventually(
      'every turn is committed',
      async () => (await counted(view, 'rtvoice_turn_commit_ms')) >= calls * GREETING_AND_TWO_TURNS,
    );
    const samples = await view.samples();
    return report(results, samples, options);
  } finally {
    await system.remove();
  }
}

interface Series {
  readonly first: number;
  readonly calls: number;
  readonly concurrency: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Places calls, always so many at once. A call that does not end well ends the bench: a figure without it would lie. */
async function placeAll(view: StackView, series: Series): Promise<CallResult[]> {
  const results: CallResult[] = [];
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < series.calls) {
      series.signal.throwIfAborted();
      const number = next++;
      const script = scriptOf(series.first + number);
      const result = await view.place({ script, seed: number + 1 }, undefined, series.signal);
      if (result.outcome !== 'completed' || result.noReplies > 0) {
        throw new Error(`call ${number} ended as ${result.outcome}, ${result.noReplies} replies missing`);
      }
      results.push(result);
      if (results.length % 25 === 0) series.say(`${results.length} of ${series.calls} calls`);
    }
  };
  await Promise.all(Array.from({ length: series.concurrency }, caller));
  return results;
}

function report(
  results: readonly CallResult[],
  samples: readonly WorkerSamples[],
  options: BenchContext['options'],
): BenchResult {
  const worker = (name: string, labels: Readonly<Record<string, string>> = {}): number[] =>
    samples
      .filter((one) => one.name === name)
      .filter((one) => Object.entries(labels).every(([label, value]) => one.labels[label] === value))
      .flatMap(({ name, count, values }) => {
        if (count > values.length) throw new Error(`${name}: the workers kept too few samples`);
        return values;
      });
  const told = (pick: (result: CallResult) => number | undefined): number[] =>
    results.map((result) => pick(result) ?? Number.NaN);
  const reply = (turn: number) =>
    told(({ turns }) => turns.filter(({ role }) => role === 'user')[turn]?.finalToFirstFrameMs);

  const synthesised = worker('rtvoice_reply_first_frame_ms', { from: 'synthesis' });
  const cached = ['memory', 'store'].flatMap((from) => worker('rtvoice_reply_first_frame_ms', { from }));
  if (synthesised.length !== results.length || cached.length !== results.length) {
    throw new Error(
      `${cached.length} replies cached and ${synthesised.length} not, of ${results.length} each`,
    );
  }
  const commits = worker('rtvoice_turn_commit_ms');
  return {
    config: {
      ...options,
      turnsPerCall: GREETING_AND_TWO_TURNS,
      simulatedLatency: results[0]?.latency ?? '',
      speech: 'flite',
    },
    rows: [
      series(
        'call_answered',
        'ms',
        told(({ timings }) => timings.incomingToRequestMs),
      ),
      series(
        'first_audio',
        'ms',
        told(({ timings }) => timings.connectedToFirstAudioMs),
      ),
      series('reply_cached', 'ms', reply(0)),
      series('reply_synthesised', 'ms', reply(1)),
      series('turn_commit', 'ms', commits),
      series('call_answered_worker', 'ms', worker('rtvoice_call_setup_ms')),
      series('first_audio_worker', 'ms', worker('rtvoice_first_audio_ms')),
      series('reply_cached_worker', 'ms', cached),
      series('reply_synthesised_worker', 'ms', synthesised),
      series('turn_round_trip', 'ms', worker('rtvoice_turn_round_trip_ms')),
      series('turn_archive', 'ms', worker('rtvoice_archive_ms')),
      figure('turn_commit_under_10_ms', '%', share(commits, 10)),
    ],
    notMeasured: [
      'The network: simulator, front door, workers, sidecars and stores share this machine and its loopback.',
      'A real speech recogniser: finals come from the simulator with the latency named in the config.',
      'Real ACS, Redis Enterprise and Cosmos DB: a simulator, redis-server with AOF and a stand-in take their place.',
    ],
  };
}

/** Share of the values below a limit, percent. */
const share = (values: readonly number[], limit: number): number =>
  (values.filter((value) => value < limit).length * 100) / Math.max(1, values.length);

async function counted(view: StackView, name: string): Promise<number> {
  const all = await view.samples();
  return all.filter((one) => one.name === name).reduce((sum, { count }) => sum + count, 0);
}
