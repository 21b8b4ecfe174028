/** The media engine: interruptions, pacing, first frames, what was heard, calls per core, memory per call. */
import type { Bench, BenchContext, BenchResult, Row } from './frame.js';
import { bargeIn } from './media/barge-in.js';
import { falseAlarms } from './media/false-alarms.js';

type Part = (context: BenchContext) => Promise<readonly Row[]>;

const PARTS: Readonly<Record<string, Part>> = {
  'barge-in': ({ options, say, signal }) =>
    bargeIn({ trials: options.trials ?? 0, calls: options.calls ?? 0, say, signal }),
  'false-alarms': ({ options, say, signal }) =>
    falseAlarms({ minutes: options.minutes ?? 0, calls: options.calls ?? 0, say, signal }),
};

export const bench: Bench = {
  name: 'media',
  description: 'barge-in, playout, first frames, words that were heard, calls per core, memory per call',
  parts: Object.keys(PARTS),
  options: {
    trials: { default: 200, help: 'interruptions for each noise, level, and with or without words' },
    calls: { default: 60, help: 'calls at once in which callers interrupt' },
    minutes: { default: 10, help: 'call time with noise and backchannels for each of the same' },
  },
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
      "An echo of the agent in the caller's line: telephones and ACS cancel it.",
    ],
  };
}
