import { afterEach, describe, expect, it } from 'vitest';
import { Archiver } from '../../src/record/archiver.js';
import { EMPTY_TALLY, summaryDocument, tallyTurn } from '../../src/record/closing.js';
import { verifyComplete } from '../../src/record/verify-complete.js';
import {
  oneInFive,
  runStorm,
  type StormRig,
  startStormRig,
  stormFaults,
  throttledShare,
} from '../support/archive-storm.js';
import { turnOf } from '../support/turn-document.js';

let rig: StormRig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});

/** In full size: `npm run bench -- drain`. */
describe('archiver against a store that throttles and dies', () => {
  it('through @azure/cosmos: calls of 30 turns, 20 % of 429, two outages', async () => {
    rig = await startStormRig('cosmos');
    rig.proxy.fault = oneInFive();
    const storm = { calls: 200, turns: 30, outages: [0.2, 0.6].map((at) => ({ at, forMs: 3_000 })) };
    const result = await runStorm(rig, storm);
    const { requests, throttled } = throttledShare(rig);
    expect(throttled / requests).toBeGreaterThan(0.18);
    expect(await stormFaults(rig, storm, result)).toEqual([]);
  }, 900_000);

  it('through Dapr: 20 % of 429, an outage', async () => {
    rig = await startStormRig('dapr');
    rig.proxy.fault = oneInFive();
    const storm = { calls: 40, turns: 15, outages: [{ at: 0.3, forMs: 2_000 }] };
    const result = await runStorm(rig, storm);
    expect(await stormFaults(rig, storm, result)).toEqual([]);
  }, 900_000);

  it('a call of no turns and one of 5,000 are complete', async () => {
    rig = await startStormRig('cosmos');
    const empty = await runStorm(rig, { calls: 1, turns: 0, outages: [] });
    expect(empty.closed.size).toBe(1);
    expect(await verifyComplete(rig.direct, 'call-0')).toEqual({ state: 'complete', turns: 0 });
    expect(await verifyComplete(rig.direct, 'call-none')).toEqual({ state: 'no_summary' });
    const long = new Archiver({
      archive: rig.archive,
      onArchived: () => undefined,
      onConflict: () => undefined,
      onPoison: () => undefined,
    });
    try {
      let tally = EMPTY_TALLY;
      for (let seq = 1; seq <= 5000; seq++) {
        const turn = turnOf('long', seq);
        tally = tallyTurn(tally, turn);
        expect(long.offer(turn)).toBe(true);
      }
      long.offer(summaryDocument('long', 'i1', tally, { endedAt: '2026-01-05T10:05:00.000Z' }));
      expect(await long.drain(120_000)).toBe(true);
    } finally {
      await long.stop();
    }
    expect(await verifyComplete(rig.direct, 'long')).toEqual({ state: 'complete', turns: 5000 });
    expect(await rig.archive.tail('long')).toMatchObject({ lastSeq: 5000 });
  }, 240_000);
});
