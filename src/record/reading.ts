import type { TranscriptArchive } from './archive-port.js';
import { type AsideStore, coversGap } from './aside.js';
import { isTurn, type SummaryDocument, summaryDocumentId, type TurnDocument } from './documents.js';
import { RecordError } from './record-port.js';
import type { OpenTranscript, OpenTurn } from './transcript-formats.js';
import { pages, verifyComplete, wholeTurn } from './verify-complete.js';

/** Opens a turn's sealed text. Whoever gives it has checked that the reader may see it. */
export type OpenText = (turn: TurnDocument) => string | Promise<string>;

/** Most turns that are read at once: what a reader can hold, not what a call may have. */
const MAX_READ_TURNS = 20_000;

/**
 * A session's transcript from the archive, opened; turns that the archive refused come from where they were set aside.
 * Roles and the audit entry are the caller's affair.
 * @returns undefined for a session that the archive does not hold
 * @throws RecordError when the archive cannot be read; what `open` throws
 */
export async function readTranscript(
  archive: TranscriptArchive,
  sessionId: string,
  open: OpenText,
  aside?: Pick<AsideStore, 'of'>,
): Promise<OpenTranscript | undefined> {
  const last = await lastSeqOf(archive, sessionId);
  if (last === undefined) return undefined;
  const turns: OpenTurn[] = [];
  for await (const page of pages(archive, sessionId, 1, Math.min(last, MAX_READ_TURNS))) {
    if ('failure' in page) throw new RecordError('a transcript cannot be read', codeOf(page.failure));
    for (const stored of page.turns) {
      const whole = await wholeTurn(archive, stored);
      if ('failure' in whole) throw new RecordError('a transcript cannot be read', codeOf(whole.failure));
      // A turn without all its parts is shown as what is known of it.
      const text = whole.turn === undefined ? '' : await open(whole.turn);
      turns.push(openTurn(stored, text));
    }
  }
  const found = await verifyComplete(archive, sessionId);
  if (aside === undefined || (found.state !== 'gap' && found.state !== 'no_summary'))
    return { sessionId, completeness: found.state, turns };
  const kept = await aside.of(sessionId);
  const known = new Set(turns.map(({ seq }) => seq));
  for (const { document } of kept) {
    if (isTurn(document) && !known.has(document.seq)) turns.push(openTurn(document, await open(document)));
  }
  turns.sort((a, b) => a.seq - b.seq);
  const covered =
    found.state === 'gap'
      ? coversGap(found.missing, kept)
      : kept.some(({ document }) => 'kind' in document && document.kind === 'summary');
  return { sessionId, completeness: covered ? 'set_aside' : found.state, turns };
}

function openTurn(turn: TurnDocument, text: string): OpenTurn {
  const { seq, role, agent, startedAt, endedAt, interrupted, measures } = turn;
  const figures = measures === undefined ? {} : { measures };
  return { seq, role, agent, startedAt, endedAt, interrupted, ...figures, text };
}

/** From the summary (one read), or for a call that is not closed from the tail. */
async function lastSeqOf(archive: TranscriptArchive, sessionId: string): Promise<number | undefined> {
  const closing = await archive.read(sessionId, summaryDocumentId(sessionId));
  if (closing.kind === 'found') return (closing.doc as SummaryDocument).lastSeq;
  const tail = await archive.tail(sessionId);
  if (tail.kind !== 'tail') throw new RecordError('a transcript cannot be read', codeOf(tail));
  return tail.lastSeq === 0 ? undefined : tail.lastSeq;
}

function codeOf(failure: { readonly kind: string; readonly code?: string }): string {
  return failure.code ?? failure.kind;
}
