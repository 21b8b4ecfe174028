/** The media engine: interruptions, pacing, first frames, what was heard, calls per core, memory per call. */
import type { Bench, BenchContext, BenchResult, Row } from './frame.js';
import { bargeIn } from './media/barge-in.js';
import { capacity } from './media/capacity.js';
import { falseAlarms } from './media/false-alarms.js';
import { heapPerCall } from './media/heap.js';
import { playout } from './media/playout.js';
import { spokenWords } from './media/spoken.js';
import { firstFrames, wholeCapacity } from './media/whole.js';

type Part = (context: BenchContext) => Promise<readonly Row[]>;

const OPTIONS = {
  trials: { default: 200, help: 'interruptions for each level, noise, and with or without words' },
  callers: { default: 60, help: 'calls at once in which callers interrupt' },
  minutes: { default: 10, help: 'call time with noise and backchannels for each of the same' },
  interruptions: { default: 100, help: 'interruptions whose words are compared with what was played' },
  calls: { default: 300, help: 'calls of the playout, where the capacity begins, whose memory is measured' },
  seconds: { default: 180, help: 'length of the first run of the playout' },
  runs: { default: 5, help: 'runs of the playout; those after the first take 15 s' },
  step: { default: 20, help: 'seconds of each step of the capacity' },
  stackCalls: { default: 100, help: 'calls through the whole system, for first frames' },
  live: { default: 40, help: 'calls live at once for the capacity of the whole system' },
} as const;

const PARTS: Readonly<Record<string, Part>> = {
  playout: ({ options, ...rest }) =>
    playout({
      ...rest,
      calls: of(options, 'calls'),
      seconds: of(options, 'seconds'),
      runs: of(options, 'runs'),
    }),
  'first-frame': ({ options, ...rest }) =>
    firstFrames({ ...rest, calls: of(options, 'stackCalls'), concurrency: 3 }),
  'barge-in': ({ options, ...rest }) =>
    bargeIn({ ...rest, trials: of(options, 'trials'), calls: of(options, 'callers') }),
  'false-alarms': ({ options, ...rest }) =>
    falseAlarms({ ...rest, minutes: of(options, 'minutes'), calls: of(options, 'callers') }),
  words: ({ options, ...rest }) => spokenWords({ ...rest, interruptions: of(options, 'interruptions') }),
  capacity: ({ options, ...rest }) =>
    capacity({ ...rest, calls: of(options, 'calls'), seconds: of(options, 'step') }),
  whole: ({ options, ...rest }) =>
    wholeCapacity({ ...rest, calls: 3 * of(options, 'live'), concurrency: of(options, 'live') }),
  heap: ({ options, ...rest }) => heapPerCall({ ...rest, calls: of(options, 'calls') }),
};

const of = (options: BenchContext['options'], name: keyof typeof OPTIONS): number =>
  options[name] ?? OPTIONS[name].default;

export const bench: Bench = {
  name: 'media',
  description: 'barge-in, playout, first frames, words that were heard, calls per core, memory per call',
  parts: Object.keys(PARTS),
  options: OPTIONS,
  run,
};

async function run(context: BenchContext): Promise<BenchResult> {
  const rows: Row[] = [];
  for (const [name, part] of Object.entries(PARTS)) {
    if (!context.only.has(name)) continue;
    context.signal.throwIfAborted();
    rows.push(...(await part(context)));
  }
  return {
    config: { only: [...context.only].join(',') },
    rows,
    notMeasured: [
      'The network and ACS: the far end of each socket is a process on this machine, over loopback.',
      "A real recogniser: words come when the script says, 600 ms after a caller's onset and 500 ms after the end.",
      'A far end that shares nothing: it is a process beside the worker, which the system prefers where it can (SCHED_FIFO), and so takes its share of these cores.',
      "An echo of the agent in the caller's line: telephones and ACS cancel it.",
      'Interruptions, playout, ingest and heap: the call actor, which says yes to each turn there; first frames and the whole go through Dapr.',
    ],
  };
}
