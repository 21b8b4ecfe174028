/** How a turn stands in journal and transcript: numbers and ids in clear, words and patch sealed. */
import type { HeldTurn } from '../call/ledger.js';
import type { TurnMeasures } from '../call/measures.js';
import type { ContextPatch, Role, Turn } from '../call/turn.js';
import type { Seal } from '../privacy/seal.js';
import type { TurnDocument } from './ports.js';

interface StoredTurn {
  readonly v: 1;
  readonly id: string;
  readonly role: Role;
  readonly agent: string;
  readonly at: number;
  readonly end: number;
  readonly me: number;
  readonly no: number;
  readonly int?: 1;
  readonly m?: TurnMeasures;
  /** Sealed {text, patch}. */
  readonly t: string;
}

interface Spoken {
  readonly text: string;
  readonly patch?: ContextPatch;
}

const sealId = (sessionId: string, turnId: string): string => `${sessionId}/${turnId}`;

export function holdTurn(seal: Seal, sessionId: string, turn: Turn): HeldTurn {
  const spoken: Spoken = { text: turn.text, ...(turn.patch ? { patch: turn.patch } : {}) };
  const stored: StoredTurn = {
    v: 1,
    id: turn.turnId,
    role: turn.role,
    agent: turn.agent,
    at: turn.startedAtMs,
    end: turn.endedAtMs,
    me: turn.mediaEpoch,
    no: turn.turnNo,
    ...(turn.interrupted ? { int: 1 as const } : {}),
    ...(turn.measures ? { m: turn.measures } : {}),
    t: seal.protect('turn', sealId(sessionId, turn.turnId), spoken),
  };
  return { turn, payload: JSON.stringify(stored) };
}

/** Opens a journal entry. `readable` false: the words could not be opened; the turn keeps its place without them. */
export function openTurn(
  seal: Seal,
  sessionId: string,
  entry: { readonly seq: number; readonly payload: string },
): { held: HeldTurn; readable: boolean } | undefined {
  let stored: StoredTurn;
  try {
    stored = JSON.parse(entry.payload) as StoredTurn;
  } catch {
    return undefined;
  }
  if (stored.v !== 1 || typeof stored.id !== 'string' || typeof stored.t !== 'string') return undefined;
  let spoken: Spoken = { text: '' };
  let readable = true;
  try {
    spoken = seal.reveal('turn', sealId(sessionId, stored.id), stored.t) as Spoken;
  } catch {
    readable = false;
  }
  const turn: Turn = {
    seq: entry.seq,
    turnId: stored.id,
    role: stored.role,
    agent: stored.agent,
    startedAtMs: stored.at,
    endedAtMs: stored.end,
    mediaEpoch: stored.me,
    turnNo: stored.no,
    ...(stored.int ? { interrupted: true } : {}),
    ...(stored.m ? { measures: stored.m } : {}),
    text: spoken.text,
    ...(spoken.patch ? { patch: spoken.patch } : {}),
  };
  return { held: { turn, payload: entry.payload }, readable };
}

/** The document of a committed turn: created once, never replaced. The words stay sealed as they are in the journal. */
export function turnDocument(sessionId: string, incarnation: string, held: HeldTurn): TurnDocument {
  const { turn } = held;
  return {
    id: `${sessionId}-${turn.seq}`,
    sessionId,
    incarnation,
    seq: turn.seq,
    turnId: turn.turnId,
    role: turn.role,
    agent: turn.agent,
    startedAt: new Date(turn.startedAtMs).toISOString(),
    endedAt: new Date(turn.endedAtMs).toISOString(),
    mediaEpoch: turn.mediaEpoch,
    turnNo: turn.turnNo,
    interrupted: turn.interrupted ?? false,
    ...(turn.measures ? { measures: turn.measures } : {}),
    transcript: (JSON.parse(held.payload) as StoredTurn).t,
    schema: 1,
  };
}

/** Reads the words of a transcript document again. */
export function revealTranscript(seal: Seal, sessionId: string, turnId: string, sealed: string): string {
  return (seal.reveal('turn', sealId(sessionId, turnId), sealed) as Spoken).text;
}
