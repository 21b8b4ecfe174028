import { type ArchiveFailure, RANGE_LIMIT, type TranscriptArchive } from './archive-port.js';
import { CHAIN_START, chainNext } from './chain.js';
import {
  type PartDocument,
  partDocumentId,
  type SummaryDocument,
  summaryDocumentId,
  type TurnDocument,
} from './documents.js';
import { joinParts } from './parts.js';

export type Completeness =
  | { readonly state: 'complete'; readonly turns: number }
  | { readonly state: 'no_summary' }
  /** At most 100 numbers. */
  | { readonly state: 'gap'; readonly missing: readonly number[] }
  | { readonly state: 'count_differs'; readonly expected: number; readonly found: number }
  | { readonly state: 'hash_differs' }
  /** Could not be read: say nothing, ask again. */
  | { readonly state: 'unknown'; readonly failure: ArchiveFailure };

const MAX_MISSING = 100;

/** Reads a session's transcript back and holds it against its closing summary: no gap, count, hash. */
export async function verifyComplete(archive: TranscriptArchive, sessionId: string): Promise<Completeness> {
  const closing = await archive.read(sessionId, summaryDocumentId(sessionId));
  if (closing.kind === 'absent') return { state: 'no_summary' };
  if (closing.kind !== 'found') return { state: 'unknown', failure: closing };
  const summary = closing.doc as SummaryDocument;
  let link = CHAIN_START;
  let found = 0;
  const missing: number[] = [];
  // One past the end is read too: a turn after the summary is a difference as well.
  for await (const page of pages(archive, sessionId, summary.firstSeq, summary.lastSeq + 1)) {
    if ('failure' in page) return { state: 'unknown', failure: page.failure };
    let expected = page.from;
    for (const turn of page.turns) {
      for (; expected < turn.seq; expected++) if (missing.length < MAX_MISSING) missing.push(expected);
      expected = turn.seq + 1;
      found++;
      const whole = await wholeTurn(archive, turn);
      if ('failure' in whole) return { state: 'unknown', failure: whole.failure };
      if (whole.turn === undefined) missing.push(turn.seq);
      else link = chainNext(link, whole.turn);
    }
    const last = Math.min(page.to, summary.lastSeq);
    for (; expected <= last; expected++) if (missing.length < MAX_MISSING) missing.push(expected);
  }
  if (missing.length > 0) return { state: 'gap', missing };
  if (found !== summary.turns) return { state: 'count_differs', expected: summary.turns, found };
  return link === summary.sha256 ? { state: 'complete', turns: found } : { state: 'hash_differs' };
}

interface Page {
  readonly from: number;
  readonly to: number;
  readonly turns: readonly TurnDocument[];
}

/** The turns of a session page by page, ascending. */
export async function* pages(
  archive: TranscriptArchive,
  sessionId: string,
  firstSeq: number,
  lastSeq: number,
): AsyncGenerator<Page | { readonly failure: ArchiveFailure }> {
  for (let from = Math.max(1, firstSeq); from <= lastSeq; from += RANGE_LIMIT) {
    const to = Math.min(lastSeq, from + RANGE_LIMIT - 1);
    const outcome = await archive.range(sessionId, from, to);
    if (outcome.kind !== 'range') {
      yield { failure: outcome };
      return;
    }
    yield { from, to, turns: outcome.turns };
  }
}

/** A turn with the text of its parts; `turn` is undefined where a part is missing. */
export async function wholeTurn(
  archive: TranscriptArchive,
  turn: TurnDocument,
): Promise<{ readonly turn: TurnDocument | undefined } | { readonly failure: ArchiveFailure }> {
  if (turn.parts === undefined || turn.partSet === undefined) return { turn };
  const parts: PartDocument[] = [];
  for (let n = 1; n <= turn.parts; n++) {
    const outcome = await archive.read(turn.sessionId, partDocumentId(turn.id, n, turn.partSet));
    if (outcome.kind === 'absent') return { turn: undefined };
    if (outcome.kind !== 'found') return { failure: outcome };
    if ('kind' in outcome.doc && outcome.doc.kind === 'part') parts.push(outcome.doc);
  }
  return { turn: joinParts(turn, parts) };
}
