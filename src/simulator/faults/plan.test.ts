import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chance } from '../random.js';
import { NO_FAULTS, parseFaults } from './grammar.js';
import { FaultPlan } from './plan.js';

const TYPES = ['CallConnected', 'ParticipantsUpdated', 'CallDisconnected', 'PlayCompleted'] as const;

describe('a fault plan', () => {
  it('gives the n-th event of a type the same fate, however the types are interleaved', () => {
    const faults = parseFaults('duplicate=0.3,reorder=0.3,drop=0.2');
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.constantFrom(...TYPES), { maxLength: 40 }), (seed, order) => {
        const fatesOf = (types: readonly string[]) => {
          const plan = new FaultPlan(faults, new Chance(seed));
          return types.map((type) => JSON.stringify([type, plan.event(type)])).sort();
        };
        expect(fatesOf([...order].sort())).toEqual(fatesOf(order));
      }),
    );
  });

  it('hits as often as its probabilities say', () => {
    const plan = new FaultPlan(
      parseFaults('duplicate=0.1,reorder=0.3,drop=0.05,error503=0.02'),
      new Chance(4),
    );
    const n = 20_000;
    let [dropped, held, again, refused] = [0, 0, 0, 0];
    for (let i = 0; i < n; i++) {
      const fate = plan.event('PlayCompleted');
      if (fate.dropped) dropped += 1;
      if (fate.heldMs > 0) held += 1;
      if (fate.againAfterMs !== undefined) again += 1;
      if (plan.request('play').refuse === 503) refused += 1;
    }
    expect(dropped / n).toBeCloseTo(0.05, 2);
    expect(held / n).toBeCloseTo(0.3, 1);
    expect(again / n).toBeCloseTo(0.1, 2);
    expect(refused / n).toBeCloseTo(0.02, 2);
  });

  it('keeps to the type or operation that a fault names', () => {
    const plan = new FaultPlan(
      parseFaults('drop.CallConnected=1,error500.play=1,noAnswer.hold=1'),
      new Chance(4),
    );
    expect(plan.event('CallConnected').dropped).toBe(true);
    expect(plan.event('CallDisconnected').dropped).toBe(false);
    expect(plan.request('play').refuse).toBe(500);
    expect(plan.request('hold')).toEqual({ refuse: undefined, failAfter: false, unanswered: true });
    expect(plan.request('play').unanswered).toBe(false);
  });

  it('loses IncomingCall only when it is named', () => {
    const all = new FaultPlan(parseFaults('drop=1'), new Chance(4));
    expect([all.event('IncomingCall').dropped, all.event('CallConnected').dropped]).toEqual([false, true]);
    expect(
      new FaultPlan(parseFaults('drop.IncomingCall=1'), new Chance(4)).event('IncomingCall').dropped,
    ).toBe(true);
  });

  it('does nothing without faults', () => {
    const plan = new FaultPlan(NO_FAULTS, new Chance(4));
    expect(plan.event('CallConnected')).toEqual({ dropped: false, heldMs: 0, againAfterMs: undefined });
    expect(plan.request('play')).toEqual({ refuse: undefined, failAfter: false, unanswered: false });
    expect([plan.token(), plan.socketRefused('MediaStreaming'), plan.garbageAfter(1)]).toEqual([
      undefined,
      false,
      false,
    ]);
  });
});
