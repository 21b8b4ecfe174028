/**
 * The state of one call as the reducer sees it. It holds no personal data: words, numbers and names live in turns
 * and context. Every field merges facts in a way that does not depend on their order, so that duplicates, late and
 * swapped events end in the same state (see reduce.ts).
 */
import type { StreamState } from './events.js';

/** connecting → connected → disconnected → ended; never back. */
export type Phase = 'connecting' | 'connected' | 'disconnected' | 'ended';

/** A value that the latest fact wins: by time, then by event id. */
export interface Latest<T> {
  readonly value: T;
  readonly atMs: number;
  readonly by: string;
}

/** Result code and sub-code of the end, as ACS gave them. */
export interface End {
  readonly code: number;
  readonly subCode: number;
  /** Id of the fact that says so. */
  readonly by?: string;
  /** Only inferred from what ACS answers now: what an event says counts for more. */
  readonly inferred?: true;
}

export interface CallState {
  readonly schema: 1;
  readonly phase: Phase;
  readonly connectedAtMs?: number;
  readonly disconnectedAtMs?: number;
  readonly end?: End;
  readonly participants: { readonly sequence: number; readonly count: number };
  readonly mediaStreaming: Latest<StreamState>;
  readonly transcription: Latest<StreamState>;
  readonly recording: Latest<string>;
  /** How many events of unknown type came. */
  readonly unknownEvents: number;
}

const never = <T>(value: T): Latest<T> => ({ value, atMs: 0, by: '' });

export const initialState = (): CallState => ({
  schema: 1,
  phase: 'connecting',
  participants: { sequence: -1, count: 0 },
  mediaStreaming: never<StreamState>('unknown'),
  transcription: never<StreamState>('unknown'),
  recording: never('inactive'),
  unknownEvents: 0,
});

const RANK: Readonly<Record<Phase, number>> = { connecting: 0, connected: 1, disconnected: 2, ended: 3 };

/** The further of two phases: terminal states are final. */
export const laterPhase = (a: Phase, b: Phase): Phase => (RANK[a] >= RANK[b] ? a : b);

export const isOver = (state: CallState): boolean => RANK[state.phase] >= RANK.disconnected;

/** What is left of a call that is over: nobody is in it and nothing streams, as far as that was known or not. */
export const withoutParts = (state: CallState): CallState => ({
  ...state,
  participants: { sequence: Number.MAX_SAFE_INTEGER, count: 0 },
  mediaStreaming: never<StreamState>('stopped'),
  transcription: never<StreamState>('stopped'),
  recording: never('inactive'),
});
