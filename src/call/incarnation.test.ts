import { describe, expect, it } from 'vitest';
import { newIncarnation, newNonce } from './incarnation.js';

describe('newIncarnation', () => {
  it('sorts by time of birth', () => {
    const times = [1, 15, 16, 1_700_000_000_000, 2 ** 47];
    const ids = times.map(newIncarnation);
    expect([...ids].sort()).toEqual(ids);
    expect(ids.every((id) => /^[0-9a-f]{20}$/.test(id))).toBe(true);
  });

  it('differs within a millisecond', () => {
    expect(new Set(Array.from({ length: 100 }, () => newIncarnation(1))).size).toBe(100);
    expect(new Set(Array.from({ length: 100 }, newNonce)).size).toBe(100);
  });
});
