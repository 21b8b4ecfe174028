import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chance } from './random.js';

describe('chance', () => {
  it('depends on seed and labels alone', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.oneof(fc.string(), fc.integer())), (seed, labels) => {
        const value = new Chance(seed).unit(...labels);
        expect(value).toBe(new Chance(seed).unit(...labels));
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(1);
      }),
    );
  });

  it('spreads evenly over neighbouring labels and seeds', () => {
    const counts = new Array<number>(10).fill(0);
    for (let n = 0; n < 20_000; n++) {
      const bucket = Math.floor(new Chance(n % 20).unit('event:CallConnected', n) * 10);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });

  it('tells apart labels that run together', () => {
    const chance = new Chance(1);
    expect(chance.unit('ab', 'c')).not.toBe(chance.unit('a', 'bc'));
    expect(chance.fork('a').unit('x')).not.toBe(chance.unit('x'));
  });

  it('hits with its probability, never with 0, always with 1', () => {
    const chance = new Chance(9);
    let hits = 0;
    for (let n = 0; n < 10_000; n++) {
      if (chance.hits(0.05, n)) hits += 1;
      expect(chance.hits(0, n)).toBe(false);
      expect(chance.hits(1, n)).toBe(true);
    }
    expect(Math.abs(hits - 500)).toBeLessThan(80);
  });
});
