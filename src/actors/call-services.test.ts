import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backlog } from './call-services.js';

const limits = { bytesPerCall: 100, turnsPerCall: 5, bytesPerWorker: 250 };

describe('Backlog', () => {
  it('never passes a bound, and lets what shrinks shrink', () => {
    const set = fc.record({
      call: fc.constantFrom('a', 'b', 'c', 'd'),
      bytes: fc.nat({ max: 120 }),
      turns: fc.nat({ max: 7 }),
    });
    fc.assert(
      fc.property(fc.array(set, { maxLength: 60 }), (list) => {
        const backlog = new Backlog(limits);
        const held = new Map<string, number>();
        for (const { call, bytes, turns } of list) {
          const before = held.get(call) ?? 0;
          const taken = backlog.set(call, bytes, turns);
          if (bytes <= before) expect(taken).toBe(true);
          if (taken) held.set(call, bytes);
          const total = [...held.values()].reduce((sum, one) => sum + one, 0);
          expect(backlog.totalBytes).toBe(total);
          expect(total).toBeLessThanOrEqual(limits.bytesPerWorker);
          expect(backlog.calls).toBe([...held.values()].filter((one) => one > 0).length);
          expect(backlog.shedding).toBe(total > limits.bytesPerWorker / 2);
        }
      }),
    );
  });

  it('refuses a turn past each of its bounds', () => {
    const backlog = new Backlog(limits);
    expect(backlog.set('a', 101, 1)).toBe(false);
    expect(backlog.set('a', 10, 6)).toBe(false);
    for (const call of ['a', 'b']) expect(backlog.set(call, 100, 5)).toBe(true);
    expect(backlog.set('c', 60, 1)).toBe(false);
    backlog.forget('a');
    expect(backlog.set('c', 60, 1)).toBe(true);
  });
});
