import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseWords, wordErrors } from './wer.js';

describe('normaliseWords', () => {
  it.each([
    ['Hello, World!', 'hello world'],
    ["It’s 'fine' — isn't it?", "it's fine isn't it"],
    ['twenty-one', 'twenty one'],
    [
      '21 apples, 105 pears, 1,204 plums',
      'twenty one apples one hundred five pears one thousand two hundred four plums',
    ],
    ['0 10 19 90 900 9000', 'zero ten nineteen ninety nine hundred nine thousand'],
    ['call 4155550123 or 007', 'call four one five five five five zero one two three or zero zero seven'],
    ['at 10:30, 9:05 and 8:00', "at ten thirty nine oh five and eight o'clock"],
    ['3.5 %', 'three point five percent'],
    ['$5, $12.50', 'five dollars twelve dollars and fifty cents'],
    ['1st 2nd 3rd 12th 20th 31st', 'first second third twelfth twentieth thirty first'],
    ['Mr. and Mrs. Dashwood & Dr. Who', 'mister and missus dashwood and doctor who'],
    [' … ', ''],
  ])('%s', (text, words) => {
    expect(normaliseWords(text).join(' ')).toBe(words);
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const once = normaliseWords(text);
        expect(normaliseWords(once.join(' '))).toEqual(once);
      }),
    );
  });
});

describe('wordErrors', () => {
  it('is nothing between equal words, whatever their clothes', () => {
    expect(wordErrors('Your balance is 42 dollars.', 'your balance is forty-two dollars')).toEqual({
      words: 6,
      substitutions: 0,
      insertions: 0,
      deletions: 0,
      wer: 0,
    });
  });

  it.each([
    ['a b c d', 'a x c d', { substitutions: 1, insertions: 0, deletions: 0, wer: 0.25 }],
    ['a b c d', 'a b d', { substitutions: 0, insertions: 0, deletions: 1, wer: 0.25 }],
    ['a b c d', 'a b b c d', { substitutions: 0, insertions: 1, deletions: 0, wer: 0.25 }],
    ['a b c d', '', { substitutions: 0, insertions: 0, deletions: 4, wer: 1 }],
    ['a', 'x y z', { substitutions: 1, insertions: 2, deletions: 0, wer: 3 }],
    [
      'one two three four',
      'two three five four six',
      { substitutions: 0, insertions: 2, deletions: 1, wer: 0.75 },
    ],
  ])('%s → %s', (reference, hypothesis, expected) => {
    expect(wordErrors(reference, hypothesis)).toMatchObject(expected);
  });

  it('counts edits that lead from one length to the other, never more than replacing all', () => {
    const words = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(words, words, (from, to) => {
        const errors = wordErrors(from.join(' '), to.join(' '));
        const cost = errors.substitutions + errors.insertions + errors.deletions;
        expect(from.length + errors.insertions - errors.deletions).toBe(to.length);
        expect(cost).toBeLessThanOrEqual(Math.max(from.length, to.length));
        const back = wordErrors(to.join(' '), from.join(' '));
        expect(back.substitutions + back.insertions + back.deletions).toBe(cost);
      }),
    );
  });

  it('has no rate without a reference', () => {
    expect(() => wordErrors('…', 'a')).toThrow(RangeError);
  });
});
