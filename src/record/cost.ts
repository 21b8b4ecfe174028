/**
 * Request units from the service's documented charges: a point read of 1 KB costs 1 and of 100 KB 10, a write of 1 KB
 * costs 5 and of 100 KB 50, with nothing indexed. Between and beyond, a straight line. Computed, never measured: a
 * stand-in charges nothing. Indexed paths come on top; the service documents no figure for them.
 */
const WRITE = { first: 5, hundred: 50 } as const;
const READ = { first: 1, hundred: 10 } as const;

function charge(bytes: number, { first, hundred }: { first: number; hundred: number }): number {
  if (!(bytes >= 0)) throw new RangeError('a document has no negative size');
  const kb = Math.max(1, bytes / 1024);
  return first + ((hundred - first) * (kb - 1)) / 99;
}

/** RU of creating or replacing a document of so many bytes. */
export const writeCharge = (bytes: number): number => charge(bytes, WRITE);

/** RU of a point read. */
export const readCharge = (bytes: number): number => charge(bytes, READ);

/** Sizes of a call's documents, bytes of JSON as the store keeps them. */
export interface CallSizes {
  readonly turns: readonly number[];
  readonly header: number;
  readonly summary: number;
  readonly analytics: number;
  readonly profile: number;
}

export interface CallCharge {
  /** Turns, header and summary: what the archive of a call costs. */
  readonly archive: number;
  /** Mean of the turns alone; the floor is 5. */
  readonly perTurn: number;
  /** The check that the transcript is complete: at most a point read a document. */
  readonly verification: number;
  /** Analytics, and the profile read twice (call start, update) and replaced. */
  readonly rest: number;
  readonly total: number;
}

/** What one call costs in request units, each document written once. */
export function callCharge(sizes: CallSizes): CallCharge {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const turns = sum(sizes.turns.map(writeCharge));
  const archive = turns + writeCharge(sizes.header) + writeCharge(sizes.summary);
  const verification = sum([...sizes.turns, sizes.summary].map(readCharge));
  const rest = writeCharge(sizes.analytics) + 2 * readCharge(sizes.profile) + writeCharge(sizes.profile);
  return {
    archive,
    perTurn: sizes.turns.length === 0 ? 0 : turns / sizes.turns.length,
    verification,
    rest,
    total: archive + verification + rest,
  };
}
