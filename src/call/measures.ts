/**
 * What was measured of a turn: figures only, no words. They ride with the turn into journal and transcript, in clear,
 * so that they are counted as often as the turn is: once, whichever worker dies. `src/record/call-analytics.ts` sums
 * them up. Pure.
 */

/** What a language model took and gave, as its answer says; summed over the requests of a reply. */
export interface Usage {
  readonly tokensIn: number;
  readonly tokensOut: number;
}

export interface TurnMeasures {
  /** Of the reply, and of replies before it that were cut before a word was heard. */
  readonly usage?: Usage;
  /** ms by stage of the reply, e.g. `agent`, `first_audio`. */
  readonly stages?: Readonly<Record<string, number>>;
  /** -1 to 1: the mood of a caller's words, where something assessed it. */
  readonly sentiment?: number;
}

export const MOST_STAGES = 16;
/** More than any model takes: a larger figure is a mistake, and would spoil a day's sums. */
const MOST_TOKENS = 1e9;

export const NO_USAGE: Usage = { tokensIn: 0, tokensOut: 0 };

export function addUsage(a: Usage, b: Usage): Usage {
  return { tokensIn: a.tokensIn + b.tokensIn, tokensOut: a.tokensOut + b.tokensOut };
}

/** Whether a value from outside is what a turn may carry. */
export function isTurnMeasures(value: unknown): value is TurnMeasures {
  if (typeof value !== 'object' || value === null) return false;
  const { usage, stages, sentiment } = value as Partial<Record<keyof TurnMeasures, unknown>>;
  return (
    (usage === undefined || isUsage(usage)) &&
    (stages === undefined || areStages(stages)) &&
    (sentiment === undefined || (typeof sentiment === 'number' && Math.abs(sentiment) <= 1))
  );
}

export function isUsage(value: unknown): value is Usage {
  const { tokensIn, tokensOut } = (value ?? {}) as Partial<Record<keyof Usage, unknown>>;
  return isCount(tokensIn) && isCount(tokensOut);
}

const isCount = (value: unknown): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS;

function areStages(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const entries = Object.entries(value);
  return (
    entries.length <= MOST_STAGES &&
    entries.every(([name, ms]) => /^[a-z][a-z_.]{0,31}$/.test(name) && Number.isFinite(ms) && ms >= 0)
  );
}
