import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wordsUntil, wordTimes } from './transcript.js';

describe('word times', () => {
  it('lie in order within the utterance, in ticks of 100 ns', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        words,
        fc.nat(100_000),
        fc.integer({ min: 20, max: 60_000 }),
        (list, startMs, durationMs) => {
          const timed = wordTimes(list.join('  '), startMs, durationMs);
          expect(timed.map((word) => word.text)).toEqual(list);
          let end = startMs * 10_000;
          for (const word of timed) {
            expect(word.offset).toBeGreaterThanOrEqual(end - 1);
            end = word.offset + word.duration;
          }
          expect(end).toBeLessThanOrEqual((startMs + durationMs) * 10_000 + 1);
          expect(wordsUntil(timed, startMs)).toEqual([]);
          expect(wordsUntil(timed, startMs + durationMs)).toEqual(timed);
        },
      ),
    );
  });

  it('of nothing are none', () => {
    expect(wordTimes('  ', 0, 100)).toEqual([]);
  });
});
