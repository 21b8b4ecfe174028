export interface SentenceSplitterOptions {
  /** A sentence longer than this is cut at a comma or a space. Default 240 characters. */
  maxChars?: number;
}

/** Words that end with a full stop in the middle of a sentence. Lower case, without the stop. */
const ABBREVIATIONS = new Set(
  (
    'mr mrs ms dr prof sr jr st mt rev hon gen col capt lt sgt vs etc approx dept est fig inc ltd co corp ext ' +
    'tel min max ave blvd rd apt jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri'
  ).split(' '),
);
/** Abbreviations only before a number: "No. 5", but "No. Try again." */
const BEFORE_NUMBER = new Set(['no', 'nos', 'nr', 'p', 'pp', 'art', 'sec', 'vol']);
/** These may well end a sentence. */
const CAN_END = new Set(['a.m', 'p.m', 'etc', 'inc', 'ltd', 'co', 'corp', 'jr', 'sr']);

/** The mark of a list's item: "1.", "B." */
const LIST_ITEM = /^[^\p{L}\p{N}]*(\d+|\p{L})\.$/u;

/** A stop with its closing quotes, then space, then what follows; or a line's end; or a stop of CJK. */
const CANDIDATE = /([.!?…]+["'”’)\]]*)(\s+)(\S)|\n+|[。！？]+["'”’）」』]*/gu;

/**
 * Cuts a model's stream into sentences as soon as each is certain. Where it cuts depends on the text alone,
 * not on how it was chopped into tokens; but for white space at the cuts, nothing is lost or added.
 */
export class SentenceSplitter {
  private readonly maxChars: number;
  private pending = '';

  constructor(options: SentenceSplitterOptions = {}) {
    this.maxChars = Math.max(2, options.maxChars ?? 240);
  }

  /** Takes the next piece of the stream, gives the sentences it completes. */
  push(piece: string): string[] {
    this.pending += piece;
    const sentences: string[] = [];
    for (;;) {
      this.pending = this.pending.trimStart();
      const end = sentenceEnd(this.pending, this.maxChars);
      if (end === undefined) return sentences;
      sentences.push(this.pending.slice(0, end).trim());
      this.pending = this.pending.slice(end);
    }
  }

  /** The end of the stream: what is left, if anything. */
  flush(): string[] {
    const rest = this.pending.trim();
    this.pending = '';
    return rest === '' ? [] : [rest];
  }
}

/** Index after the first sentence, undefined while it is not certain. */
function sentenceEnd(text: string, maxChars: number): number | undefined {
  CANDIDATE.lastIndex = 0;
  for (let match = CANDIDATE.exec(text); match; match = CANDIDATE.exec(text)) {
    const [whole, stop = whole, , next] = match;
    const end = match.index + stop.length;
    const seen = match.index + whole.length;
    // A line's end or a stop of CJK: more of the same may follow.
    if (next === undefined && seen === text.length) break;
    // What comes after the limit must not count: it may or may not be here yet.
    const certain = seen <= maxChars;
    if (certain && endsSentence(text.slice(0, end), stop, next)) return end;
    // What follows the stop may itself begin another candidate.
    CANDIDATE.lastIndex = end;
  }
  return text.length > maxChars ? cutByLength(text, maxChars) : undefined;
}

/** @param next the first character of what follows; undefined after a line's end or a stop of CJK */
function endsSentence(sentence: string, stop: string, next: string | undefined): boolean {
  if (!/[\p{L}\p{N}]/u.test(sentence)) return false;
  if (next === undefined) return true;
  if (/\p{Ll}/u.test(next)) return false;
  if (!stop.startsWith('.') || stop.startsWith('..')) return true;
  if (LIST_ITEM.test(sentence)) return false;
  const word = /([\p{L}\p{N}.]+)\.["'”’)\]]*$/u.exec(sentence)?.[1]?.toLowerCase();
  if (word === undefined || CAN_END.has(word)) return true;
  if (BEFORE_NUMBER.has(word)) return !/\d/.test(next);
  if (ABBREVIATIONS.has(word)) return false;
  // Initials and the like: "J. Smith", "the U.S. Army". The word "I" can end a sentence.
  return word === 'i' || !/^\p{L}(\.\p{L})*$/u.test(word);
}

function cutByLength(text: string, maxChars: number): number {
  const head = text.slice(0, maxChars);
  const clause = Math.max(...[', ', '; ', ': ', ' – ', ' — '].map((mark) => head.lastIndexOf(mark)));
  if (clause > maxChars / 2) return clause + 1;
  const space = head.search(/\s\S*$/u);
  if (space > 0) return space;
  const splitsPair = /[\ud800-\udbff]$/.test(head);
  return splitsPair ? maxChars - 1 : maxChars;
}
