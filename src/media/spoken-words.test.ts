import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heardWords } from './spoken-words.js';

const RATE = 16_000;

/** Sound (true) and silence (false) of so many ms each. */
function clip(...parts: [boolean, number][]): Buffer {
  const pcm = Buffer.alloc(parts.reduce((sum, [, ms]) => sum + ms * 32, 0));
  let at = 0;
  for (const [sounds, ms] of parts) {
    for (const end = at + ms * 32; at < end; at += 2)
      pcm.writeInt16LE(sounds ? (at % 4 ? 8_000 : -8_000) : 0, at);
  }
  return pcm;
}

describe('heard words', () => {
  it('gives nothing, a part, or all', () => {
    const text = 'I have opened a new claim for you.';
    const pcm = clip([true, 2_000]);
    expect(heardWords(text, pcm, RATE, 0)).toBe('');
    expect(heardWords(text, pcm, RATE, 2_000)).toBe(text);
    expect(heardWords(text, pcm, RATE, 1_100)).toBe('I have opened a new');
  });

  it('takes no word for the silence before, between and after words', () => {
    const text = 'one two';
    const pcm = clip([false, 500], [true, 400], [false, 1_000], [true, 400], [false, 700]);
    expect(heardWords(text, pcm, RATE, 500)).toBe('');
    expect(heardWords(text, pcm, RATE, 900)).toBe('one');
    expect(heardWords(text, pcm, RATE, 1_900)).toBe('one');
    expect(heardWords(text, pcm, RATE, 2_310)).toBe('one two');
    expect(heardWords(text, Buffer.alloc(6_400), RATE, 100)).toBe('');
  });

  it('is always a beginning of the text and grows with time', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}[.,]?$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(words, fc.nat(900), fc.nat(900), fc.nat(400), (list, a, b, silence) => {
        const text = list.join(' ');
        const pcm = clip([false, silence], [true, 300], [false, silence], [true, 200]);
        const less = heardWords(text, pcm, RATE, Math.min(a, b));
        const more = heardWords(text, pcm, RATE, Math.max(a, b));
        expect(text.startsWith(more)).toBe(true);
        expect(more.startsWith(less)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});
