import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SentenceSplitter } from './sentences.js';

function split(pieces: string[], maxChars = 240): string[] {
  const splitter = new SentenceSplitter({ maxChars });
  return [...pieces.flatMap((piece) => splitter.push(piece)), ...splitter.flush()];
}

const bare = (text: string) => text.replace(/\s+/gu, '');

const word = fc.constantFrom(
  'Hello',
  'there',
  'Dr.',
  'e.g.',
  'U.S.',
  'p.m.',
  'No.',
  '5',
  '3.50',
  '$1,200.00',
  'yes!',
  'What?',
  'well...',
  '…',
  '"Sure."',
  '(ok)',
  '1.',
  'I.',
  '\n',
  '\n\n',
  '你好。',
  '再见！',
  '🙂',
  ',',
  ';',
  '.',
  '?!',
  ' ',
  '\t',
  'a'.repeat(50),
);
const prose = fc.oneof(
  fc.array(word, { maxLength: 40 }).map((words) => words.join(' ')),
  fc.array(word, { maxLength: 40 }).map((words) => words.join('')),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
);

/** Text with the places where it is cut into pieces. */
const chopped = prose.chain((text) =>
  fc.array(fc.nat({ max: text.length }), { maxLength: 20 }).map((cuts) => {
    const at = [0, ...cuts.sort((a, b) => a - b), text.length];
    return { text, pieces: at.slice(1).map((end, i) => text.slice(at[i], end)) };
  }),
);

describe('SentenceSplitter', () => {
  it('loses and adds nothing but white space, at any chopping', () => {
    fc.assert(
      fc.property(chopped, fc.integer({ min: 2, max: 80 }), ({ text, pieces }, maxChars) => {
        expect(bare(split(pieces, maxChars).join(''))).toBe(bare(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('cuts at the same places however the stream was chopped', () => {
    fc.assert(
      fc.property(chopped, fc.integer({ min: 2, max: 80 }), ({ text, pieces }, maxChars) => {
        const whole = split([text], maxChars);
        expect(split(pieces, maxChars)).toEqual(whole);
        expect(split([...text], maxChars)).toEqual(whole);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps sentences within the limit and without empty ones', () => {
    fc.assert(
      fc.property(chopped, fc.integer({ min: 2, max: 80 }), ({ pieces }, maxChars) => {
        for (const sentence of split(pieces, maxChars)) {
          expect(sentence.trim()).toBe(sentence);
          expect(sentence.length).toBeGreaterThan(0);
          expect(sentence.length).toBeLessThanOrEqual(maxChars);
        }
      }),
    );
  });

  it.each([
    ['Sure. I can help!', ['Sure.', 'I can help!']],
    ['Dr. Smith is in. Mrs. Jones is not.', ['Dr. Smith is in.', 'Mrs. Jones is not.']],
    ['It costs $3.50. Fine?', ['It costs $3.50.', 'Fine?']],
    ['Come at 5 p.m. The door is open.', ['Come at 5 p.m.', 'The door is open.']],
    ['The U.S. Army, e.g. Fort Knox.', ['The U.S. Army, e.g. Fort Knox.']],
    ['See No. 5. No. Try again.', ['See No. 5.', 'No.', 'Try again.']],
    ['Well... maybe. Hm... Yes.', ['Well... maybe.', 'Hm...', 'Yes.']],
    ['"Really?" she said. "Yes." He left.', ['"Really?" she said.', '"Yes."', 'He left.']],
    ['1. Open it.\n2. Close it.', ['1. Open it.', '2. Close it.']],
    ['Options:\n- tea\n- milk', ['Options:', '- tea', '- milk']],
    ['你好。再见！', ['你好。', '再见！']],
    ['J. R. Tolkien wrote. So do I. Good.', ['J. R. Tolkien wrote.', 'So do I.', 'Good.']],
  ])('splits %j', (text, sentences) => {
    expect(split([text])).toEqual(sentences);
  });

  it('gives a sentence as soon as the next one begins', () => {
    const splitter = new SentenceSplitter();
    expect(splitter.push('I see')).toEqual([]);
    expect(splitter.push('.')).toEqual([]);
    expect(splitter.push(' Now')).toEqual(['I see.']);
    expect(splitter.flush()).toEqual(['Now']);
    expect(splitter.flush()).toEqual([]);
  });

  it('cuts an endless sentence at a clause, else at a space, else anywhere', () => {
    expect(split(['one two three four, five six seven'], 24)).toEqual([
      'one two three four,',
      'five six seven',
    ]);
    expect(split(['one two three four five six seven'], 16)).toEqual([
      'one two three',
      'four five six',
      'seven',
    ]);
    expect(split(['x'.repeat(25)], 10)).toEqual(['x'.repeat(10), 'x'.repeat(10), 'x'.repeat(5)]);
  });
});
