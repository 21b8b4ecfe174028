/**
 * The archiver against a store that answers every fifth request with 429 and dies twice: how long until all of it is
 * in, each turn exactly once, each transcript verified by its hash. A turn that is missing, doubled or out of order ends
 * the bench.
 */
import { oneInFive, runStorm, startStormRig, stormFaults, throttledShare } from '../support/archive-storm.js';
import { type Bench, type BenchContext, type BenchResult, figure } from './frame.js';

export const bench: Bench = {
  name: 'drain',
  description:
    'calls archived while Cosmos DB throttles a fifth of the requests and dies twice; time to drain',
  options: {
    calls: { default: 1_000, help: 'calls, all offered at once' },
    turns: { default: 30, help: 'turns of each' },
    outage: { default: 30_000, help: 'length of each of the two outages, ms' },
    dapr: { default: 1, help: '1: through the sidecar, as workers do; 0: through @azure/cosmos' },
  },
  run,
};

async function run({ say, options, signal }: BenchContext): Promise<BenchResult> {
  const { calls = 1, turns = 1, outage = 1, dapr = 1 } = options;
  // Every request is looked at in the end.
  const rig = await startStormRig(dapr === 1 ? 'dapr' : 'cosmos', calls * (turns + 2) * 20);
  const stop = (): void => void rig.stop();
  signal.addEventListener('abort', stop, { once: true });
  try {
    rig.proxy.fault = oneInFive();
    const storm = { calls, turns, outages: [0.2, 0.6].map((at) => ({ at, forMs: outage })) };
    say(`${calls * turns} turns, two outages of ${outage} ms`);
    const result = await runStorm(rig, storm);
    const { requests, throttled } = throttledShare(rig);
    say('verifying every transcript');
    rig.proxy.fault = undefined;
    const faults = await stormFaults(rig, storm, result);
    if (faults.length > 0) throw new Error(`${faults.length} faults: ${faults.slice(0, 5).join('; ')}`);
    return {
      config: {},
      rows: [
        figure('turns_exactly_once', 'count', calls * turns),
        figure('transcripts_verified', 'count', calls),
        figure('throttled_share', '%', (100 * throttled) / requests),
        figure('all_archived', 's', result.ms / 1000),
        figure('drained_after_last_outage', 's', result.afterOutageMs / 1000),
        figure('turns_per_second_outages_left_out', '1/s', (calls * turns * 1000) / (result.ms - 2 * outage)),
      ],
      notMeasured: [
        'The store is the local stand-in behind a proxy, on the same cores as the load; the service itself was not asked.',
        'Calls are offered straight to the archiver: actors, journal and Redis have no part in it.',
      ],
    };
  } finally {
    signal.removeEventListener('abort', stop);
    await rig.stop();
  }
}
