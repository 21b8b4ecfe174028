/** A turn: what the caller or the agent said, once, in its place. Specification: "Call Transcripts", design §2.4–2.5. */

import { isTurnMeasures, type TurnMeasures } from './measures.js';

export type Role = 'user' | 'agent';

/** A turn as the media worker offers it. Times are Unix ms, text is at most 32 KiB of UTF-8. */
export interface TurnOffer {
  /** Unique id of the utterance; the same on every repetition. */
  readonly turnId: string;
  readonly role: Role;
  readonly text: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Who spoke as agent, or who was listening. */
  readonly agent: string;
  /** The agent was cut off: `text` holds the words that were truly spoken. */
  readonly interrupted?: boolean;
  /** Changes of the conversation's context that belong to this turn. */
  readonly patch?: ContextPatch;
  /** Figures of the turn: tokens, latencies, mood. */
  readonly measures?: TurnMeasures;
}

/** What a turn changes in the context. Keys with null are removed. */
export interface ContextPatch {
  readonly activeAgent?: string;
  readonly slots?: Readonly<Record<string, unknown>>;
  readonly toolOutputs?: Readonly<Record<string, unknown>>;
}

/** A turn with its place in the call. `seq` is 0 while provisional (Redis away: no number is given). */
export interface Turn extends TurnOffer {
  readonly seq: number;
  readonly mediaEpoch: number;
  /** Number within the media epoch, from 1, one in flight. */
  readonly turnNo: number;
}

export const MAX_TURN_BYTES = 32 * 1024;

/** Whether an offer from outside is a turn; its numbers are checked by the numbering rule, not here. */
export function isTurnOffer(value: unknown): value is TurnOffer {
  if (typeof value !== 'object' || value === null) return false;
  const offer = value as Partial<Record<keyof TurnOffer, unknown>>;
  return (
    typeof offer.turnId === 'string' &&
    offer.turnId.length > 0 &&
    offer.turnId.length <= 128 &&
    (offer.role === 'user' || offer.role === 'agent') &&
    typeof offer.text === 'string' &&
    Buffer.byteLength(offer.text) <= MAX_TURN_BYTES &&
    typeof offer.agent === 'string' &&
    Number.isFinite(offer.startedAtMs) &&
    Number.isFinite(offer.endedAtMs) &&
    (offer.measures === undefined || isTurnMeasures(offer.measures))
  );
}

/**
 * The numbering rule (design §4 rule 5): next, an answered duplicate, or a gap. `other`: the number was given to
 * another turn, so two media workers count in one epoch, or state was lost.
 */
export type Numbering =
  | { kind: 'next' }
  | { kind: 'duplicate' }
  | { kind: 'gap'; expected: number }
  | { kind: 'other' };

export function numberTurn(lastTurnNo: number, turnNo: number): Exclude<Numbering, { kind: 'other' }> {
  if (turnNo === lastTurnNo + 1) return { kind: 'next' };
  if (turnNo >= 1 && turnNo <= lastTurnNo) return { kind: 'duplicate' };
  return { kind: 'gap', expected: lastTurnNo + 1 };
}
