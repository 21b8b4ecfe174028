import { CHAIN_START, type ChainTurn, chainNext } from './chain.js';
import {
  type HeaderDocument,
  headerDocumentId,
  type SummaryDocument,
  summaryDocumentId,
} from './documents.js';

/** What a session knows of its transcript as it grows; small enough to be kept with the session's state. */
export interface TranscriptTally {
  readonly turns: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly chain: string;
}

export const EMPTY_TALLY: TranscriptTally = { turns: 0, firstSeq: 0, lastSeq: 0, chain: CHAIN_START };

/** The tally with one more turn; turns come in order of `seq`. */
export function tallyTurn(
  tally: TranscriptTally,
  turn: ChainTurn & { readonly seq: number },
): TranscriptTally {
  return {
    turns: tally.turns + 1,
    firstSeq: tally.turns === 0 ? turn.seq : tally.firstSeq,
    lastSeq: turn.seq,
    chain: chainNext(tally.chain, turn),
  };
}

/** The document that closes a transcript. */
export function summaryDocument(
  sessionId: string,
  incarnation: string,
  tally: TranscriptTally,
  rest: { readonly endedAt: string; readonly outcome?: string },
): SummaryDocument {
  return {
    id: summaryDocumentId(sessionId),
    kind: 'summary',
    sessionId,
    incarnation,
    turns: tally.turns,
    firstSeq: tally.firstSeq,
    lastSeq: tally.lastSeq,
    sha256: tally.chain,
    schema: 1,
    ...rest,
  };
}

/** The document that opens a transcript. `participants` must come sealed. */
export function headerDocument(
  sessionId: string,
  incarnation: string,
  rest: { readonly startedAt: string; readonly subjectHash?: string; readonly participants?: string },
): HeaderDocument {
  return {
    id: headerDocumentId(sessionId),
    kind: 'header',
    sessionId,
    incarnation,
    seq: 0,
    schema: 1,
    ...rest,
  };
}
