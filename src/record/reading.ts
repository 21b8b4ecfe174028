import type { TranscriptArchive } from './archive-port.js';
import { type SummaryDocument, summaryDocumentId, type TurnDocument } from './documents.js';
import { RecordError } from './record-port.js';
import type { OpenTranscript, OpenTurn } from './transcript-formats.js';
import { pages, verifyComplete, wholeTurn } from './verify-complete.js';

/** Opens a turn's sealed text. Whoever gives it has checked that the reader may see it. */
export type OpenText = (turn: TurnDocument) => string | Promise<string>;

/** Most turns that are read at once: what a reader can hold, not what a call may have. */
const MAX_READ_TURNS = 20_000;

/**
 * A session's transcript from the archive, opened. Roles and the audit entry are the caller's affair.
 * @returns undefined for a session that the archive does not hold
 * @throws RecordError when the archive cannot be read; what `open` throws
 */
export async function readTranscript(
  archive: TranscriptArchive,
  sessionId: string,
  incarnation: string,
  open: OpenText,
): Promise<OpenTranscript | undefined> {
  const last = await lastSeqOf(archive, sessionId, incarnation);
  if (last === undefined) return undefined;
  const turns: OpenTurn[] = [];
  for await (const page of pages(archive, sessionId, incarnation, 1, Math.min(last, MAX_READ_TURNS))) {
    if ('failure' in page) throw new RecordError('a transcript cannot be read', codeOf(page.failure));
    for (const stored of page.turns) {
      const whole = await wholeTurn(archive, stored);
      if ('failure' in whole) throw new RecordError('a transcript cannot be read', codeOf(whole.failure));
      // A turn without all its parts is shown as what is known of it.
      const text = whole.turn === undefined ? '' : await open(whole.turn);
      const { seq, role, agent, startedAt, endedAt, interrupted } = stored;
      turns.push({ seq, role, agent, startedAt, endedAt, interrupted, text });
    }
  }
  const { state } = await verifyComplete(archive, sessionId, incarnation);
  return { sessionId, incarnation, completeness: state, turns };
}

/** From the summary (one read), or for a call that is not closed from the tail. */
async function lastSeqOf(
  archive: TranscriptArchive,
  sessionId: string,
  incarnation: string,
): Promise<number | undefined> {
  const closing = await archive.read(sessionId, summaryDocumentId(sessionId, incarnation));
  if (closing.kind === 'found') return (closing.doc as SummaryDocument).lastSeq;
  const tail = await archive.tail(sessionId, incarnation);
  if (tail.kind !== 'tail') throw new RecordError('a transcript cannot be read', codeOf(tail));
  return tail.lastSeq === 0 ? undefined : tail.lastSeq;
}

function codeOf(failure: { readonly kind: string; readonly code?: string }): string {
  return failure.code ?? failure.kind;
}
