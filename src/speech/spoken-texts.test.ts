import { describe, expect, it } from 'vitest';
import { emptyContext } from '../memory/context.js';
import { Speakers } from './speaker.js';
import { parseTexts, TextsByLanguage } from './spoken-texts.js';

describe('spoken texts', () => {
  it('are there by language, whichever region', () => {
    const texts = new TextsByLanguage('en-US');
    expect(texts.of('de-AT').reprompt).toBe('Sind Sie noch da?');
    expect(texts.of('DE').reprompt).toBe('Sind Sie noch da?');
    expect(texts.of('en-GB').reprompt).toBe('Are you still there?');
  });

  it('of a language that nobody wrote are those of the usual one', () => {
    expect(new TextsByLanguage('fr-FR').of('ja-JP').reprompt).toBe('Êtes-vous toujours là ?');
    expect(new TextsByLanguage('ja-JP').of('ja-JP').reprompt).toBe('Are you still there?');
  });

  it('are changed by a file, the region before the language', () => {
    const changes = parseTexts({
      en: { reprompt: 'Hello?', filler: '' },
      'en-GB': { reprompt: 'Hello there?' },
      nl: { reprompt: 'Bent u er nog?' },
    });
    const texts = new TextsByLanguage('en-US', changes);
    expect(texts.of('en-GB')).toMatchObject({ reprompt: 'Hello there?', filler: '' });
    expect(texts.of('en-US')).toMatchObject({
      reprompt: 'Hello?',
      goodbye: expect.stringMatching(/Goodbye/),
    });
    // The rest of a new language is the usual one's.
    expect(texts.of('nl-NL')).toMatchObject({ reprompt: 'Bent u er nog?', bridge: texts.of('en').bridge });
  });

  it.each([[{ en: { reprompt: '' } }], [{ en: { other: 'x' } }], [{ 'not a language!': {} }], ['text']])(
    'are refused as %j',
    (value) => expect(() => parseTexts(value)).toThrow(),
  );
});

describe('speakers', () => {
  const usual = { language: 'en-US', voice: 'kal16' };
  const german = { language: 'de-DE', voice: 'Katja' };
  const other = { language: 'de-DE', voice: 'Conrad' };
  const speakers = new Speakers(usual, [german, other]);
  const context = (slots: Record<string, unknown>, language?: string) => ({
    ...emptyContext(),
    slots,
    ...(language ? { values: { caller: { language } } } : {}),
  });

  it.each([
    ['the usual one', context({}), usual],
    ["the caller's language", context({}, 'de-AT'), german],
    ["the agent's choice before it", context({ language: 'en' }, 'de-DE'), usual],
    ['another voice of the language', context({ language: 'de-DE', voice: 'Conrad' }), other],
    ['no voice of another language', context({ voice: 'Conrad' }), usual],
    ['no language without a voice', context({ language: 'ja-JP' }, 'xx'), usual],
    ['nothing odd', context({ language: 7, voice: {} }), usual],
  ])('%s', (_what, given, expected) => expect(speakers.of(given)).toEqual(expected));
});
