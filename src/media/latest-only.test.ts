import { describe, expect, it } from 'vitest';
import { LatestOnly } from './latest-only.js';

describe('writes of which only the latest counts', () => {
  it('go one at a time, and leave out what was overtaken', async () => {
    const written: number[] = [];
    const gates: (() => void)[] = [];
    const latest = new LatestOnly<number>((value) => {
      written.push(value);
      return new Promise((resolve) => gates.push(resolve));
    });
    const settled: number[] = [];
    const puts = [1, 2, 3].map((value) => latest.put(value).then(() => settled.push(value)));
    expect(written).toEqual([1]);
    gates.shift()?.();
    await puts[0];
    await Promise.resolve();
    expect(written).toEqual([1, 3]);
    expect(settled).toEqual([1]);
    gates.shift()?.();
    await Promise.all(puts);
    expect(written).toEqual([1, 3]);
    const again = latest.put(4);
    expect(written).toEqual([1, 3, 4]);
    gates.shift()?.();
    await again;
  });
});
