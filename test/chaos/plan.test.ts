import fc from 'fast-check';
import { expect, it } from 'vitest';
import { callerOf } from './callers.js';
import { FAULT_KINDS, planFaults } from './plan.js';

const options = { seed: 7, durationMs: 7 * 60_000, workers: 3, everyMs: 9_000 };

it('the same seed gives the same faults and callers, another one others', () => {
  expect(planFaults(options)).toEqual(planFaults(options));
  expect(planFaults({ ...options, seed: 8 })).not.toEqual(planFaults(options));
  expect(callerOf(7, 3)).toEqual(callerOf(7, 3));
  expect(callerOf(7, 4)).not.toEqual(callerOf(7, 3));
});

it('seven minutes have every kind, and more than a third of a hundred', () => {
  const faults = planFaults(options);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(FAULT_KINDS));
  expect(faults.length).toBeGreaterThan(34);
});

it('times go up and stay within the run; workers are those that there are; what lasts says for how long', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0 }), fc.integer({ min: 1, max: 5 }), (seed, workers) => {
      const faults = planFaults({ ...options, seed, workers });
      faults.forEach(({ atMs, kind, worker, forMs }, index) => {
        expect(atMs).toBeGreaterThan(faults[index - 1]?.atMs ?? 0);
        expect(atMs).toBeLessThan(options.durationMs);
        if (worker !== undefined) expect([...Array(workers).keys()].map((n) => n + 1)).toContain(worker);
        expect(['pause', 'cut', 'healthGap'].includes(kind)).toBe(forMs !== undefined);
      });
    }),
    { numRuns: 50 },
  );
});

it('no caller says a thing twice', () => {
  for (let number = 0; number < 300; number += 1) {
    const script = callerOf(1, number).script as { say: string }[];
    expect(new Set(script.map(({ say }) => say)).size).toBe(script.length);
  }
});
