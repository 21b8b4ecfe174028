/**
 * The mood of a caller's words by a list of words: crude, English only, and the same each time. It knows no irony, no
 * tone of voice, no context; figures of many calls may show a trend, the figure of one turn says little. Pure.
 */

/** @returns -1 to 1, 0 where no word shows a mood; undefined: not assessed */
export type AssessMood = (text: string) => number | undefined;

const GOOD: Readonly<Record<number, string>> = {
  1: `fine good nice okay well helpful kind useful easy quick clear thanks thank appreciate glad better works worked
    working resolved solved fixed relieved reassured lucky welcome like liked enjoy smooth patient polite friendly`,
  2: `great excellent perfect wonderful amazing brilliant fantastic awesome love loved delighted thrilled superb
    grateful happy impressed`,
};
const BAD: Readonly<Record<number, string>> = {
  1: `bad wrong problem problems issue issues broken broke slow late delay delayed waiting confused confusing difficult
    hard expensive sorry sad lost missing fail failed fails failing error cancelled worried worry afraid unfair damaged
    hurt unhappy disappointed disappointing complain complaint refuse refused poor rude trouble pain stuck annoyed
    annoying upset unclear unhelpful`,
  2: `terrible awful horrible worst hate hated angry furious outrageous ridiculous unacceptable useless pathetic
    disgusting disgusted scared terrified desperate nightmare disaster frustrated frustrating scam fraud crash crashed
    appalling fed-up`,
};
const VALENCE = new Map<string, number>([...valences(GOOD, 1), ...valences(BAD, -1)]);
const NEGATIONS = new Set(
  `not no never nothing without hardly cannot cant can't dont don't doesnt doesn't didnt didn't isnt isn't wasnt wasn't
  wont won't wouldnt wouldn't aint ain't arent aren't werent weren't havent haven't hasnt hasn't`.split(
    /\s+/,
  ),
);
const STRENGTH = new Map<string, number>([
  ...`very really so extremely absolutely totally completely too incredibly`
    .split(' ')
    .map((w) => [w, 1.5] as const),
  ...`slightly somewhat bit little fairly`.split(' ').map((w) => [w, 0.6] as const),
]);
/** A negation reaches so many words ahead. */
const REACH = 3;
/** A negated word is weaker than its opposite: "not great" is no "terrible". */
const NEGATED = -0.7;
/** How fast the sum of words comes near 1. */
const SOFTNESS = 4;
const MOST_WORDS = 2_000;

/** @param locale of the call, e.g. en-US; for another language than English nothing is assessed */
export function moodByWords(locale: string): AssessMood {
  if (!/^en\b/i.test(locale)) return () => undefined;
  return (text) => {
    const words = wordsOf(text);
    if (words.length === 0) return undefined;
    const sum = words.reduce((total, word, at) => total + valenceAt(words, word, at), 0);
    return Math.round((100 * sum) / Math.sqrt(sum * sum + SOFTNESS)) / 100 || 0;
  };
}

function wordsOf(text: string): string[] {
  const words = text.toLowerCase().replaceAll('’', "'").replaceAll('fed up', 'fed-up');
  return (words.match(/[a-z'-]+/g) ?? []).slice(0, MOST_WORDS);
}

function valenceAt(words: readonly string[], word: string, at: number): number {
  const valence = VALENCE.get(word);
  if (valence === undefined) return 0;
  const before = words.slice(Math.max(0, at - REACH), at);
  const strength = STRENGTH.get(before.at(-1) ?? '') ?? 1;
  return valence * strength * (before.some((one) => NEGATIONS.has(one)) ? NEGATED : 1);
}

function valences(words: Readonly<Record<number, string>>, sign: 1 | -1): (readonly [string, number])[] {
  return Object.entries(words).flatMap(([valence, list]) =>
    list.split(/\s+/).map((word) => [word, sign * Number(valence)] as const),
  );
}
