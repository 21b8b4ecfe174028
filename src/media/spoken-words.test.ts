import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heardWords } from './spoken-words.js';

describe('heard words', () => {
  it('gives nothing, a part, or all', () => {
    const text = 'I have opened a new claim for you.';
    expect(heardWords(text, 0, 2_000)).toBe('');
    expect(heardWords(text, 2_000, 2_000)).toBe(text);
    expect(heardWords(text, 1_000, 2_000)).toBe('I have opened a new');
  });

  it('is always a beginning of the text and grows with time', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}[.,]?$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        words,
        fc.nat(5_000),
        fc.nat(5_000),
        fc.integer({ min: 1, max: 5_000 }),
        (list, a, b, length) => {
          const text = list.join(' ');
          const less = heardWords(text, Math.min(a, b), length);
          const more = heardWords(text, Math.max(a, b), length);
          expect(text.startsWith(more)).toBe(true);
          expect(more.startsWith(less)).toBe(true);
        },
      ),
    );
  });
});
