/**
 * Redis taken away in each of the ways in which that happens, while many calls talk. Fails when a call ended, a
 * sentence came twice, a turn was lost or stands out of order.
 */
import { setMaxListeners } from 'node:events';
import { answering, type Outage, outages } from '../support/redis-outages.js';
import { eventually, startTestStack, type TestStack } from '../support/stack.js';
import { judgeTalks, talk } from '../support/talk.js';
import { type Bench, type BenchContext, type BenchResult, figure, type Row } from './frame.js';

/** A turn with its reply takes some 7 s. */
const TURN_MS = 7_000;
const DRAIN_WITHIN_MS = 120_000;

export const bench: Bench = {
  name: 'outage',
  description: 'Redis killed, hanging, full, read-only, loading, back empty, back older, while calls talk',
  options: {
    calls: { default: 50, help: 'calls at once' },
    seconds: { default: 60, help: 'length of an outage' },
    workers: { default: 2, help: 'workers, each with a sidecar' },
  },
  parts: outages.map(({ name }) => name),
  run,
};

async function run(context: BenchContext): Promise<BenchResult> {
  const { say, options, only, signal } = context;
  // Each live call listens to it.
  setMaxListeners(0, signal);
  const kinds = outages.filter(({ name }) => only.has(name));
  const rows: Row[] = [];
  let wrong = 0;
  for (const outage of kinds) {
    signal.throwIfAborted();
    say(`Redis ${outage.name}`);
    const system = await startTestStack({ workers: options.workers ?? 2, say, signal });
    try {
      const found = await measure(system, outage, context);
      rows.push(...found.rows);
      wrong += found.wrong;
    } finally {
      await system.remove();
    }
  }
  if (wrong > 0) {
    for (const row of rows) say(`${row.name} ${'value' in row ? row.value : row.max}`);
    throw new Error(`${wrong} things went wrong; they are named above`);
  }
  return {
    config: { kinds: kinds.map(({ name }) => name).join(' ') },
    rows,
    notMeasured: [
      'The words that a caller heard: repetition shows in the record and in the length of a reply.',
    ],
  };
}

async function measure(
  system: TestStack,
  outage: Outage,
  { say, options, signal }: BenchContext,
): Promise<{ rows: Row[]; wrong: number }> {
  const { view } = system;
  const ms = (options.seconds ?? 60) * 1_000;
  const lasting = outage.provisional ? ms : 10_000;
  const turns = 3 + Math.ceil(lasting / TURN_MS);
  let drainMs = 0;
  let waited = 0;
  const talks = await talk(view, { calls: options.calls ?? 50, turns, ready: 1, signal }, async () => {
    await outage.run(system, ms);
    await answering(system);
    const back = performance.now();
    waited = await view.metric('rtvoice_backlog_bytes');
    const drained = async (): Promise<boolean> => (await view.metric('rtvoice_backlog_bytes')) === 0;
    await eventually('all is written', drained, DRAIN_WITHIN_MS, 50);
    drainMs = performance.now() - back;
    say(`back, ${waited} bytes waited, drained after ${Math.round(drainMs)} ms`);
  });
  const verdicts = await judgeTalks(view, talks);
  for (const complaint of verdicts.flatMap(({ complaints }) => complaints)) say(complaint);
  const sum = (of: 'ended' | 'repeated' | 'lost' | 'disordered'): number =>
    verdicts.reduce((total, verdict) => total + verdict[of], 0);
  const given = await view.metric('rtvoice_turns_lost_total');
  const provisional = await view.metric('rtvoice_turns_provisional_total');
  if (outage.provisional && provisional === 0) say(`${outage.name}: no turn had to wait, nothing was shown`);
  const name = (what: string): string => `${outage.name}_${what}`;
  const counts: [string, number][] = [
    ['calls_ended', sum('ended')],
    ['sentences_repeated', sum('repeated')],
    ['turns_lost', sum('lost') + given],
    ['turns_disordered', sum('disordered')],
  ];
  return {
    rows: [
      figure(name('calls'), 'calls', talks.length),
      ...counts.map(([what, count]) => figure(name(what), 'count', count)),
      figure(name('turns_provisional'), 'count', provisional),
      figure(name('drain'), 'ms', drainMs),
    ],
    wrong:
      counts.reduce((total, [, count]) => total + count, 0) +
      (outage.provisional && provisional === 0 ? 1 : 0),
  };
}
