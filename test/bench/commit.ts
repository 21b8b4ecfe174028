/** What a turn costs until it is durable: time through a real sidecar, and bytes to Redis. */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type StackView, startTestStack } from '../support/stack.js';
import { type BenchCall, CommitLoad, paced } from './commit-load.js';
import { type Bench, type BenchContext, type BenchResult, figure, type Row, series } from './frame.js';

/** Each call has a turn so often, ms; a snapshot is written with every fourth. */
const PACE_MS = 3_000;
/** One call alone would give ten samples in half a minute. */
const PACE_ALONE_MS = 150;
const TURNS = 30;
const BYTES_CALLS = 10;
const EMPTY = 'return 1';
const EMPTY_SHA = createHash('sha1').update(EMPTY).digest('hex');

export const bench: Bench = {
  name: 'commit',
  description: 'turn commits over real sidecars, against their floor, and their bytes in Redis',
  options: {
    seconds: { default: 30, help: 'length of each measurement' },
    workers: { default: 2, help: 'workers, each with a sidecar' },
  },
  run,
};

async function run(context: BenchContext): Promise<BenchResult> {
  const { say, options, signal } = context;
  const ms = (options.seconds ?? 30) * 1_000;
  // Each call of a measurement listens to it.
  setMaxListeners(0, signal);
  const system = await startTestStack({ workers: options.workers ?? 2, say, signal });
  await system.view.pretendWorker('bench');
  const load = new CommitLoad(system.view);
  try {
    const { view } = system;
    await view.redis.script('LOAD', EMPTY);
    const rows: Row[] = [];
    say('bytes');
    rows.push(...(await bytes(view, load, signal)));
    say('one call');
    const alone = await load.attach(1);
    await paced(alone, { paceMs: PACE_ALONE_MS, ms: 3_000, signal }, (call) => call.turn());
    rows.push(
      series(
        'turn_commit_1',
        'ms',
        await paced(alone, { paceMs: PACE_ALONE_MS, ms, signal }, (call) => call.turn()),
      ),
    );
    await Promise.all(alone.map((call) => call.end()));
    for (const count of [100, 400]) rows.push(...(await latencies(view, load, { count, ms, signal, say })));
    return {
      config: {
        paceMs: PACE_MS,
        paceAloneMs: PACE_ALONE_MS,
        bytesCalls: BYTES_CALLS,
      },
      rows,
      notMeasured: [
        'The network: bench, workers, sidecars and stores share this machine, its cores and its loopback.',
        'Media: the calls have no audio; the same workers would carry it.',
      ],
    };
  } finally {
    await load.close();
    await system.remove();
  }
}

interface Measured {
  readonly count: number;
  readonly ms: number;
  readonly signal: AbortSignal;
  say(line: string): void;
}

/** Floor and commits in turn, twice: what the machine does meanwhile falls on both. */
async function latencies(
  view: StackView,
  load: CommitLoad,
  { count, ms, signal, say }: Measured,
): Promise<Row[]> {
  say(`${count} calls`);
  const calls = await load.attach(count);
  const half = { paceMs: PACE_MS, ms: ms / 2, signal };
  const floor: number[] = [];
  const commits: number[] = [];
  const operations: number[] = [];
  const empty = async (call: BenchCall): Promise<number> => {
    const pinged = await call.ping();
    const started = performance.now();
    await view.redis.evalsha(EMPTY_SHA, 0);
    return pinged + performance.now() - started;
  };
  await paced(calls, { ...half, ms: PACE_MS }, (call) => call.turn());
  for (let round = 0; round < 2; round += 1) {
    floor.push(...(await paced(calls, half, empty)));
    await view.samples('DELETE');
    commits.push(...(await paced(calls, half, (call) => call.turn())));
    const samples = await view.samples();
    operations.push(
      ...samples.filter(({ name }) => name === 'rtvoice_redis_operation_ms').flatMap(({ values }) => values),
    );
  }
  await Promise.all(calls.map((call) => call.end()));
  return [
    series(`turn_commit_${count}`, 'ms', commits),
    series(`commit_floor_${count}`, 'ms', floor),
    ...(count === 400 ? [series('redis_op_400', 'ms', operations)] : []),
  ];
}

/**
 * Bytes that reach Redis, by its own count, from all that a turn causes: the commit, what the agent is about to say,
 * the snapshot through the sidecar. What the stack sends anyway (heartbeats, probes) is taken off by its rate at rest.
 */
async function bytes(view: StackView, load: CommitLoad, signal: AbortSignal): Promise<Row[]> {
  const calls = await load.attach(BYTES_CALLS);
  await sleep(3_000);
  const rest = await rateAtRest(view);
  const perTurn: number[] = [];
  for (let turn = 1; turn <= TURNS; turn += 1) {
    signal.throwIfAborted();
    const [before, began] = [await received(view), performance.now()];
    for (const call of calls) {
      if (turn % 2 === 0) await call.say();
      await call.turn();
    }
    await sleep(Math.max(0, PACE_MS - (performance.now() - began)));
    const atRest = rest * (performance.now() - began);
    perTurn.push(((await received(view)) - before - atRest) / calls.length);
  }
  await Promise.all(calls.map((call) => call.end()));
  const sum = perTurn.reduce((total, one) => total + one, 0);
  // Turns of the caller and of the agent, who says beforehand what it is about to say; a snapshot comes with some.
  const around = (last: number): number =>
    perTurn.slice(last - 8, last).reduce((total, one) => total + one, 0);
  return [
    figure('redis_bytes_30_turns', 'bytes', sum),
    figure('turn_30_over_turn_10', 'ratio', around(TURNS) / around(10)),
  ];
}

async function rateAtRest(view: StackView): Promise<number> {
  const [before, began] = [await received(view), performance.now()];
  await sleep(8_000);
  return ((await received(view)) - before) / (performance.now() - began);
}

/** `total_net_input_bytes`: all that clients ever sent. */
async function received(view: StackView): Promise<number> {
  const info = await view.redis.info('stats');
  return Number(/total_net_input_bytes:(\d+)/.exec(info)?.[1] ?? Number.NaN);
}
