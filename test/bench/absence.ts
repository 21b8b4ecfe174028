/**
 * A worker that is gone for a while and comes back, while calls talk: stopped (SIGSTOP), said to be unhealthy, or cut off
 * the network. Whether there ever were two voices, what its stale side tried, and when its callers heard the agent again.
 */
import { setMaxListeners } from 'node:events';
import { settled } from '../recovery/kill.js';
import { listener } from '../recovery/scripts.js';
import {
  type Absence,
  type AbsenceCost,
  absent,
  acknowledgedTwice,
  recordOf,
  voicesOf,
} from '../recovery/stale.js';
import { Talkers } from '../recovery/talkers.js';
import { startWiredStack } from '../recovery/wired.js';
import { type Bench, type BenchContext, type BenchResult, figure, type Row, series } from './frame.js';

export const bench: Bench = {
  name: 'absence',
  description:
    'workers stopped, unhealthy or cut off for a while under live calls: voices, stale turns, recovery',
  options: {
    pauses: { default: 20, help: 'times a worker is stopped for 10 s' },
    gaps: { default: 20, help: "times a worker's /healthz fails for 5 s" },
    cuts: { default: 5, help: 'times a worker is cut off for 10 s' },
    calls: { default: 12, help: 'live calls' },
    workers: { default: 3, help: 'workers, each with a sidecar' },
  },
  run,
};

const FOR_MS: Readonly<Record<Absence, number>> = { pause: 10_000, unhealthy: 5_000, cut: 10_000 };
/** Refusals of what a stale side wrote or had under way, by rule. */
const REFUSALS = ['fenced', 'worker_swept', 'standstill', 'probe_gap'];

async function run({ say, options, signal }: BenchContext): Promise<BenchResult> {
  const { pauses = 0, gaps = 0, cuts = 0, calls = 1, workers = 3 } = options;
  setMaxListeners(0, signal);
  const wired = await startWiredStack({ workers, say, signal });
  const rows: Row[] = [];
  try {
    const { stack, view } = wired;
    for (const [kind, times] of [
      ['pause', pauses],
      ['unhealthy', gaps],
      ['cut', cuts],
    ] as const) {
      if (times === 0) continue;
      // What was on its way when the network was cut comes with its healing: a stopped socket must not stay open then.
      const faults = kind === 'cut' ? '' : 'stopKeepsSocket';
      const talkers = new Talkers({ view, calls, call: () => ({ ...listener(), faults }), signal });
      const scene = { stack, view, talkers };
      await talkers.start();
      const costs: AbsenceCost[] = [];
      for (let time = 0; time < times; time += 1) {
        signal.throwIfAborted();
        await settled(scene);
        const cost = await absent(scene, wired, 1 + (time % workers), kind, FOR_MS[kind]);
        costs.push(cost);
        say(`${kind} ${time + 1}: ${cost.calls} calls, heard again ${Math.max(0, ...cost.heardMs)} ms`);
      }
      await settled(scene);
      const results = await talkers.hangUp();
      const ids = results.map(({ callConnectionId }) => callConnectionId);
      const { staleFrames, overlapFrames } = await voicesOf(scene, ids);
      const { turnsDoubled, disordered } = await recordOf(scene, ids);
      const heard = costs.flatMap(({ heardMs }) => heardMs);
      rows.push(
        ...(heard.length > 0 ? [series(`${kind}_heard_again`, 'ms', heard)] : []),
        figure(`${kind}_times`, 'times', times),
        figure(`${kind}_not_heard_again`, 'calls', sum(costs.map(({ notHeard }) => notHeard))),
        figure(`${kind}_stale_frames`, 'frames', staleFrames),
        figure(`${kind}_overlap_frames`, 'frames', overlapFrames),
        figure(`${kind}_turns_doubled`, 'turns', turnsDoubled),
        figure(`${kind}_turns_disordered`, 'turns', disordered),
      );
    }
    rows.push(figure('acknowledged_twice', 'turns', acknowledgedTwice(wired).length));
    for (const rule of REFUSALS)
      rows.push(figure(`rule_${rule}`, 'times', await view.metric('rtvoice_state_rules_total', { rule })));
  } finally {
    await wired.remove();
  }
  return {
    config: { ...options, simulatedLatency: 'default', speech: 'flite' },
    rows,
    notMeasured: [
      'A cut at the level of packets: proxies hold what is under way and close nothing, and TCP goes on between each end and its proxy.',
      'Voices after a cut: what was on its way when the network was cut arrives with its healing, whatever the worker does.',
    ],
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
