import { type TurnDocument, turnDocumentId } from '../../src/record/documents.js';

/** A turn's document, made up. */
export function turnOf(sessionId: string, seq: number, over: Partial<TurnDocument> = {}): TurnDocument {
  const incarnation = over.incarnation ?? 'i1';
  return {
    id: turnDocumentId(sessionId, seq),
    sessionId,
    incarnation,
    seq,
    turnId: `t-${seq}`,
    role: seq % 2 === 1 ? 'user' : 'agent',
    agent: 'front-desk',
    startedAt: '2026-01-05T10:00:00.000Z',
    endedAt: '2026-01-05T10:00:02.500Z',
    mediaEpoch: 1,
    turnNo: seq,
    interrupted: false,
    transcript: `1.sealed.${seq}`,
    schema: 1,
    ...over,
  };
}
