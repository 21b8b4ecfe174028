/**
 * (state, fact) → (state, effects). Pure. Order, duplicates and late facts do not matter to the state: phases only
 * advance, participants go by ACS's own sequence number, streams by the time of the event. Effects are requests to
 * the actor; each is safe to carry out twice.
 */
import type { CallFact, StreamState } from './events.js';
import { type CallState, isOver, type Latest, laterPhase } from './state.js';

export type Effect =
  /** The call is over: archive what is left, then close the record. */
  | { readonly kind: 'finish' }
  /** ACS says the stream ended while the call lives: ask for it again. */
  | { readonly kind: 'restartMedia' }
  | { readonly kind: 'restartTranscription' };

export interface Reduced {
  readonly state: CallState;
  readonly effects: readonly Effect[];
}

const NONE: readonly Effect[] = [];

function latest<T>(held: Latest<T>, value: T, fact: CallFact): Latest<T> {
  const newer = fact.atMs > held.atMs || (fact.atMs === held.atMs && fact.id > held.by);
  return newer ? { value, atMs: fact.atMs, by: fact.id } : held;
}

const broken = (state: StreamState): boolean => state === 'failed' || state === 'stopped';

function ended(state: CallState, fact: CallFact, code = 0, subCode = 0): Reduced {
  if (state.phase === 'ended') return { state, effects: NONE };
  const first = state.disconnectedAtMs === undefined || fact.atMs < state.disconnectedAtMs;
  const next: CallState = {
    ...state,
    phase: laterPhase(state.phase, 'disconnected'),
    ...(first ? { disconnectedAtMs: fact.atMs, end: { code, subCode } } : {}),
  };
  return { state: next, effects: [{ kind: 'finish' }] };
}

export function reduce(state: CallState, fact: CallFact): Reduced {
  switch (fact.kind) {
    case 'connected': {
      const earliest = Math.min(state.connectedAtMs ?? fact.atMs, fact.atMs);
      return {
        state: { ...state, phase: laterPhase(state.phase, 'connected'), connectedAtMs: earliest },
        effects: NONE,
      };
    }
    case 'disconnected':
    case 'failed':
      return ended(state, fact, fact.code, fact.subCode);
    case 'reconciled': {
      if (fact.found === 'disconnected')
        return isOver(state) ? { state, effects: [{ kind: 'finish' }] } : ended(state, fact);
      const phase = laterPhase(state.phase, fact.found);
      return { state: phase === state.phase ? state : { ...state, phase }, effects: NONE };
    }
    case 'participants': {
      if (fact.sequence <= state.participants.sequence) return { state, effects: NONE };
      return {
        state: { ...state, participants: { sequence: fact.sequence, count: fact.count } },
        effects: NONE,
      };
    }
    case 'mediaStreaming': {
      const mediaStreaming = latest(state.mediaStreaming, fact.state, fact);
      const restart = mediaStreaming !== state.mediaStreaming && broken(fact.state) && !isOver(state);
      return { state: { ...state, mediaStreaming }, effects: restart ? [{ kind: 'restartMedia' }] : NONE };
    }
    case 'transcription': {
      const transcription = latest(state.transcription, fact.state, fact);
      const restart = transcription !== state.transcription && broken(fact.state) && !isOver(state);
      return {
        state: { ...state, transcription },
        effects: restart ? [{ kind: 'restartTranscription' }] : NONE,
      };
    }
    case 'recording':
      return { state: { ...state, recording: latest(state.recording, fact.state, fact) }, effects: NONE };
    case 'operation':
      return { state, effects: NONE };
    case 'unknown':
      return { state: { ...state, unknownEvents: state.unknownEvents + 1 }, effects: NONE };
  }
}
