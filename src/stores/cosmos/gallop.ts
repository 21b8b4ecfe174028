/** Whether turn `seq` is there; a failure ends the search. */
export type Probe<F> = (seq: number) => Promise<{ readonly there: boolean } | { readonly failure: F }>;

/**
 * Finds the last `seq` by point reads: about 2·log2(n − from) of them instead of a scan.
 * Sequences have no gaps but those left by documents set aside: `lookAhead` numbers past the end are tried too.
 */
export async function gallopToLast<F>(
  probe: Probe<F>,
  from: number,
  lookAhead = 4,
): Promise<{ readonly last: number } | { readonly failure: F }> {
  let low = from;
  let step = 1;
  for (;;) {
    const answer = await probe(low + step);
    if ('failure' in answer) return answer;
    if (!answer.there) break;
    low += step;
    step *= 2;
  }
  let high = low + step;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    const answer = await probe(middle);
    if ('failure' in answer) return answer;
    if (answer.there) low = middle;
    else high = middle;
  }
  for (let ahead = 1; ahead <= lookAhead; ahead++) {
    // low + 1 is known to be missing.
    const answer = ahead === 1 ? { there: false } : await probe(low + ahead);
    if ('failure' in answer) return answer;
    if (answer.there) return gallopToLast(probe, low + ahead, lookAhead);
  }
  return { last: low };
}
