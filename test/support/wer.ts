/** Word error rate between what was said and what was understood, on normalised words. */

export interface WordErrors {
  /** Words of the reference. */
  readonly words: number;
  readonly substitutions: number;
  readonly insertions: number;
  readonly deletions: number;
  /** (substitutions + insertions + deletions) / words; above 1 is possible. */
  readonly wer: number;
}

/**
 * The least number of word edits that turn the reference into the hypothesis.
 * Throws on a reference without words: its rate would be no number.
 */
export function wordErrors(reference: string, hypothesis: string): WordErrors {
  const from = normaliseWords(reference);
  const to = normaliseWords(hypothesis);
  if (from.length === 0) throw new RangeError('the reference has no words');
  type Cell = { cost: number; substitutions: number; insertions: number; deletions: number };
  const none: Cell = { cost: 0, substitutions: 0, insertions: 0, deletions: 0 };
  const step = (cell: Cell, kind: 'substitutions' | 'insertions' | 'deletions'): Cell => ({
    ...cell,
    cost: cell.cost + 1,
    [kind]: cell[kind] + 1,
  });
  const cheapest = (cells: readonly Cell[]): Cell =>
    cells.reduce((best, cell) => (cell.cost < best.cost ? cell : best));

  let above: Cell[] = [none];
  for (let j = 1; j <= to.length; j += 1) above.push(step(above[j - 1] ?? none, 'insertions'));
  for (const word of from) {
    const row: Cell[] = [step(above[0] ?? none, 'deletions')];
    for (let j = 1; j <= to.length; j += 1) {
      const diagonal = above[j - 1] ?? none;
      row.push(
        cheapest([
          word === to[j - 1] ? diagonal : step(diagonal, 'substitutions'),
          step(above[j] ?? none, 'deletions'),
          step(row[j - 1] ?? none, 'insertions'),
        ]),
      );
    }
    above = row;
  }
  const { cost, ...counts } = above[to.length] ?? none;
  return { words: from.length, ...counts, wer: cost / from.length };
}

/**
 * Words as a recogniser writes them: lower case, no punctuation, numbers spelt out, hyphens as spaces.
 * Whole numbers up to four digits are read as one number, longer ones and those that begin with 0 digit by
 * digit, as speech synthesis does; 10:30 is "ten thirty", 3.5 "three point five", $5 "five dollars".
 */
export function normaliseWords(text: string): string[] {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[‘’]/g, "'")
    .replace(/(?<=\d),(?=\d{3}(?!\d))/g, '')
    .replace(/\$(\d+)\.(\d\d)\b/g, '$1 dollars and $2 cents')
    .replace(/\$(\d+(?:\.\d+)?)/g, '$1 dollars')
    .replace(/%/g, ' percent ')
    .replace(/&/g, ' and ')
    .replace(/\b(\d{1,2}):00\b/g, "$1 o'clock")
    .replace(/\b(\d{1,2}):0(\d)\b/g, '$1 oh $2')
    .replace(/\b(\d{1,2}):(\d\d)\b/g, '$1 $2')
    .replace(/(\d)\.(\d+)/g, (_, whole: string, part: string) => `${whole} point ${[...part].join(' ')}`)
    .replace(/\b(\d+)(?:st|nd|rd|th)\b/g, (_, digits: string) => ordinal(digits))
    .replace(/\d+/g, (digits) => ` ${spell(digits)} `)
    .replace(/\b(mr|mrs|dr|st)\b\.?/g, (title) => TITLES[title.replace('.', '')] ?? title)
    .replace(/[^\p{L}'\s]/gu, ' ')
    .split(/\s+/)
    .map((word) => word.replace(/^'+|'+$/g, ''))
    .filter((word) => word !== '');
}

const TITLES: Readonly<Record<string, string>> = { mr: 'mister', mrs: 'missus', dr: 'doctor', st: 'saint' };
const SMALL =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = '  twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const IRREGULAR: Readonly<Record<string, string>> = {
  one: 'first',
  two: 'second',
  three: 'third',
  five: 'fifth',
  eight: 'eighth',
  nine: 'ninth',
  twelve: 'twelfth',
};

function spell(digits: string): string {
  if (digits.length > 4 || (digits.length > 1 && digits.startsWith('0'))) {
    return [...digits].map((digit) => SMALL[Number(digit)]).join(' ');
  }
  return cardinal(Number(digits));
}

function cardinal(n: number): string {
  if (n < 20) return SMALL[n] ?? '';
  const [unit, size, name] =
    n < 100 ? [10, 1, ''] : n < 1000 ? [100, 100, 'hundred'] : [1000, 1000, 'thousand'];
  const head = unit === 10 ? (TENS[Math.floor(n / 10)] ?? '') : `${cardinal(Math.floor(n / size))} ${name}`;
  const rest = n % unit;
  return rest === 0 ? head : `${head} ${cardinal(rest)}`;
}

function ordinal(digits: string): string {
  const words = spell(digits).split(' ');
  const last = words.pop() ?? '';
  const end = IRREGULAR[last] ?? (last.endsWith('y') ? `${last.slice(0, -1)}ieth` : `${last}th`);
  return [...words, end].join(' ');
}
