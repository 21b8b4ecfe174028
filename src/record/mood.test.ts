import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { moodByWords } from './mood.js';

const assess = moodByWords('en-US');

/** What callers say, with the mood that a person heard in it. Not what the list was made from. */
const HEARD: readonly (readonly ['good' | 'bad' | 'none', string])[] = [
  ['good', 'That is great, thank you so much.'],
  ['good', 'Perfect, it works now.'],
  ['good', 'You have been really helpful.'],
  ['good', 'I am so relieved, thanks.'],
  ['good', 'No problem at all.'],
  ['good', 'That was quick, I appreciate it.'],
  ['good', "Lovely, that's exactly what I needed."],
  ['good', 'Oh brilliant, I love that.'],
  ['bad', 'This is ridiculous, I have been waiting for an hour.'],
  ['bad', 'I am very angry about this bill.'],
  ['bad', 'It still does not work.'],
  ['bad', 'That is not good enough.'],
  ['bad', 'My car is badly damaged and I am scared.'],
  ['bad', 'I want to make a complaint.'],
  ['bad', 'You people never call back.'],
  ['bad', 'This is the worst service I have ever had.'],
  ['bad', "I'm fed up with being passed around."],
  ['bad', 'Are you kidding me?'],
  ['none', 'My policy number is four four seven one.'],
  ['none', 'I would like to change my address.'],
  ['none', 'Tomorrow at ten in the morning.'],
  ['none', 'It happened on Main Street.'],
  ['none', 'Can you repeat that?'],
  ['none', 'A red truck hit the left door.'],
  ['none', 'Yes.'],
  ['none', 'My name is Ada.'],
];

describe('the mood by words', () => {
  it('is what a person heard in four of five turns, and seldom the opposite', () => {
    const judged = HEARD.map(([heard, text]) => {
      const mood = assess(text) ?? 0;
      return { heard, found: mood > 0 ? 'good' : mood < 0 ? 'bad' : 'none' };
    });
    const right = judged.filter(({ heard, found }) => heard === found).length;
    const opposite = judged.filter(
      ({ heard, found }) => heard !== found && heard !== 'none' && found !== 'none',
    );
    expect(right / HEARD.length).toBeGreaterThanOrEqual(0.8);
    expect(opposite.length / HEARD.length).toBeLessThanOrEqual(0.05);
  });

  it('turns with a negation and grows with a stronger word', () => {
    expect(assess('good') ?? 0).toBeGreaterThan(0);
    expect(assess('not good') ?? 0).toBeLessThan(0);
    expect(assess('very good') ?? 0).toBeGreaterThan(assess('good') ?? 0);
    expect(assess('a bit slow') ?? 0).toBeGreaterThan(assess('slow') ?? 0);
    expect(assess('not great') ?? 0).toBeGreaterThan(assess('terrible') ?? 0);
  });

  it('stays within -1 and 1, whatever is said', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.constantFrom('very', 'not', 'great', 'terrible', '…')).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(text, (said) => {
        expect(Math.abs(assess(said) ?? 0)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('is not assessed in another language, nor where there are no words', () => {
    expect(moodByWords('de-DE')('good')).toBeUndefined();
    expect(assess('5 1')).toBeUndefined();
    expect(assess('the left door')).toBe(0);
  });
});
