import { describe, expect, it } from 'vitest';
import { ANSWER_HOLDS_MS, KnownTombstones } from './tombstone.js';

const ERASED_MS = 1_000_000;
const stone = { subjectId: 's', erasedAtMs: ERASED_MS };

describe('tombstones', () => {
  it('cover what was begun before, or at a time unknown, and no later call of the same caller', () => {
    const known = new KnownTombstones(() => 0);
    known.learn([stone]);
    expect(known.isErased('s', ERASED_MS - 1)).toBe(true);
    // Another worker's clock may be behind.
    expect(known.isErased('s', ERASED_MS + 4_000)).toBe(true);
    expect(known.isErased('s', Number.NaN)).toBe(true);
    expect(known.isErased('s', ERASED_MS + 60_000)).toBe(false);
    expect(known.isErased('other', ERASED_MS - 1)).toBe(false);
  });

  it('the later of two counts, in whatever order they are learnt', () => {
    for (const order of [[stone, { ...stone, erasedAtMs: 9e6 }] as const].flatMap((two) => [
      two,
      [...two].reverse(),
    ])) {
      const known = new KnownTombstones(() => 0);
      known.learn(order);
      expect(known.isErased('s', 5e6)).toBe(true);
      expect(known.newestMs).toBe(9e6);
    }
  });

  it('silence is not freedom: the permanent tier is asked, and its answer holds for a while', () => {
    let now = 0;
    const known = new KnownTombstones(() => now);
    expect(known.standing('s', 1)).toBe('unknown');
    known.answered('s', undefined, now);
    expect(known.standing('s', 1)).toBe('free');
    // It counts from when it was asked, not from when the answer came.
    now = ANSWER_HOLDS_MS;
    expect(known.standing('s', 1)).toBe('unknown');
    known.answered('s', stone, now);
    expect(known.standing('s', 1)).toBe('erased');
    expect(known.standing('s', ERASED_MS + 60_000)).toBe('free');
  });
});
