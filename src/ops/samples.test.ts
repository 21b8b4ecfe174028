import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Samples } from './samples.js';

describe('Samples', () => {
  it('keeps series apart by name and labels', () => {
    const samples = new Samples();
    samples.record('reply', 1, { from: 'memory' });
    samples.record('reply', 2, { from: 'store' });
    samples.record('reply', 3, { from: 'memory' });
    samples.record('commit', 4);
    expect(samples.all()).toEqual([
      { name: 'reply', labels: { from: 'memory' }, count: 2, values: [1, 3] },
      { name: 'reply', labels: { from: 'store' }, count: 1, values: [2] },
      { name: 'commit', labels: {}, count: 1, values: [4] },
    ]);
    samples.clear();
    expect(samples.all()).toEqual([]);
  });

  it('holds the newest values within its bound', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer(), { minLength: 1 }),
        (most, values) => {
          const samples = new Samples(most);
          for (const value of values) samples.record('x', value);
          const [series] = samples.all();
          expect(series?.count).toBe(values.length);
          expect([...(series?.values ?? [])].sort()).toEqual(values.slice(-most).sort());
        },
      ),
    );
  });

  it('takes no more series than a fixed number', () => {
    const samples = new Samples();
    for (let n = 0; n < 1_000; n += 1) samples.record('x', n, { id: String(n) });
    expect(samples.all().length).toBeLessThan(200);
  });
});
