/**
 * (state, fact) → (state, effects). Pure. Order, duplicates and late facts do not matter to the state: phases only
 * advance, participants go by ACS's own sequence number, streams by the time of the event. A call that is over has
 * neither participants nor streams, whatever was told or lost before. Effects are requests to the actor; each is safe
 * to carry out twice.
 */
import type { CallFact, StreamState } from './events.js';
import { type CallState, type End, isOver, type Latest, laterPhase, withoutParts } from './state.js';

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
  return mergeLatest(held, { value, atMs: fact.atMs, by: fact.id });
}

function mergeLatest<T>(held: Latest<T>, other: Latest<T>): Latest<T> {
  return other.atMs > held.atMs || (other.atMs === held.atMs && other.by > held.by) ? other : held;
}

type Participants = CallState['participants'];

const newer = (held: Participants, other: Participants): boolean =>
  other.sequence > held.sequence || (other.sequence === held.sequence && other.count > held.count);

const broken = (state: StreamState): boolean => state === 'failed' || state === 'stopped';

/** Whether an end counts for more than the one that is known: said over inferred, earlier over later. */
function outweighs(atMs: number, end: End, state: CallState): boolean {
  const { end: held, disconnectedAtMs } = state;
  if (!held || disconnectedAtMs === undefined) return true;
  if ((end.inferred ?? false) !== (held.inferred ?? false)) return !end.inferred;
  if (atMs !== disconnectedAtMs) return atMs < disconnectedAtMs;
  return (end.by ?? '') < (held.by ?? '');
}

function ended(state: CallState, fact: CallFact, end: End): Reduced {
  if (state.phase === 'ended') return { state, effects: NONE };
  const next: CallState = {
    ...state,
    phase: laterPhase(state.phase, 'disconnected'),
    ...(outweighs(fact.atMs, end, state) ? { disconnectedAtMs: fact.atMs, end } : {}),
  };
  return { state: withoutParts(next), effects: [{ kind: 'finish' }] };
}

/** What two owners of one call made of its facts, put together. Nothing that either knows is lost. */
export function mergeStates(a: CallState, b: CallState): CallState {
  const connected = [a.connectedAtMs, b.connectedAtMs].filter((ms) => ms !== undefined);
  const over = b.end && b.disconnectedAtMs !== undefined && outweighs(b.disconnectedAtMs, b.end, a) ? b : a;
  const merged: CallState = {
    ...a,
    phase: laterPhase(a.phase, b.phase),
    ...(connected.length > 0 ? { connectedAtMs: Math.min(...connected) } : {}),
    ...(over.end && over.disconnectedAtMs !== undefined
      ? { end: over.end, disconnectedAtMs: over.disconnectedAtMs }
      : {}),
    participants: newer(a.participants, b.participants) ? b.participants : a.participants,
    mediaStreaming: mergeLatest(a.mediaStreaming, b.mediaStreaming),
    transcription: mergeLatest(a.transcription, b.transcription),
    recording: mergeLatest(a.recording, b.recording),
    unknownEvents: Math.max(a.unknownEvents, b.unknownEvents),
  };
  return isOver(merged) ? withoutParts(merged) : merged;
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
      return ended(state, fact, { code: fact.code ?? 0, subCode: fact.subCode ?? 0, by: fact.id });
    case 'reconciled': {
      if (fact.found === 'disconnected') {
        return ended(state, fact, { code: 0, subCode: 0, by: fact.id, inferred: true });
      }
      const phase = laterPhase(state.phase, fact.found);
      return { state: phase === state.phase ? state : { ...state, phase }, effects: NONE };
    }
    case 'participants': {
      if (isOver(state)) return { state, effects: NONE };
      const participants = { sequence: fact.sequence, count: fact.count };
      if (!newer(state.participants, participants)) return { state, effects: NONE };
      return { state: { ...state, participants }, effects: NONE };
    }
    case 'mediaStreaming': {
      if (isOver(state)) return { state, effects: NONE };
      const mediaStreaming = latest(state.mediaStreaming, fact.state, fact);
      const restart = mediaStreaming !== state.mediaStreaming && broken(fact.state);
      return { state: { ...state, mediaStreaming }, effects: restart ? [{ kind: 'restartMedia' }] : NONE };
    }
    case 'transcription': {
      if (isOver(state)) return { state, effects: NONE };
      const transcription = latest(state.transcription, fact.state, fact);
      const restart = transcription !== state.transcription && broken(fact.state);
      return {
        state: { ...state, transcription },
        effects: restart ? [{ kind: 'restartTranscription' }] : NONE,
      };
    }
    case 'recording':
      if (isOver(state)) return { state, effects: NONE };
      return { state: { ...state, recording: latest(state.recording, fact.state, fact) }, effects: NONE };
    case 'operation':
      return { state, effects: NONE };
    case 'unknown':
      return { state: { ...state, unknownEvents: state.unknownEvents + 1 }, effects: NONE };
  }
}
