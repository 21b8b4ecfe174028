import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callCharge, readCharge, writeCharge } from './cost.js';

describe('request units', () => {
  it('are those of the service at 1 KB and 100 KB', () => {
    expect([writeCharge(1024), writeCharge(102_400)]).toEqual([5, 50]);
    expect([readCharge(1024), readCharge(102_400)]).toEqual([1, 10]);
  });

  it('never fall below the charge of 1 KB, and grow with the size', () => {
    fc.assert(
      fc.property(fc.nat(2_000_000), fc.nat(2_000_000), (a, b) => {
        const [small, large] = a < b ? [a, b] : [b, a];
        expect(writeCharge(small)).toBeGreaterThanOrEqual(5);
        expect(writeCharge(small)).toBeLessThanOrEqual(writeCharge(large));
        expect(readCharge(small)).toBeLessThanOrEqual(readCharge(large));
      }),
    );
    expect(() => writeCharge(-1)).toThrow(RangeError);
    expect(() => readCharge(Number.NaN)).toThrow(RangeError);
  });

  it('of a call of 30 small turns are 5 a turn', () => {
    const sizes = { turns: Array(30).fill(700), header: 300, summary: 400, analytics: 600, profile: 900 };
    expect(callCharge(sizes)).toEqual({
      archive: 160,
      perTurn: 5,
      verification: 31,
      rest: 12,
      total: 203,
    });
  });

  it('of one document that grows would be many times that: why a turn has its own', () => {
    const turn = 700;
    const growing = Array.from({ length: 30 }, (_, n) => writeCharge(turn * (n + 1)));
    const sizes = { turns: Array(30).fill(turn), header: 0, summary: 0, analytics: 0, profile: 0 };
    expect(growing.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(callCharge(sizes).perTurn * 30 * 1.5);
  });

  it('of a call without turns are its header and summary', () => {
    const none = callCharge({ turns: [], header: 1, summary: 1, analytics: 1, profile: 1 });
    expect(none).toMatchObject({ archive: 10, perTurn: 0 });
  });
});
