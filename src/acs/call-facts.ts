/** Translates ACS events into the reducer's facts. Parties' names and numbers stay behind. */
import type { CallFact, StreamState } from '../call/events.js';
import type { AcsFact } from './facts.js';

const STREAM_STATES: Readonly<Record<string, StreamState>> = {
  MediaStreamingStarted: 'started',
  MediaStreamingStopped: 'stopped',
  MediaStreamingFailed: 'failed',
  TranscriptionStarted: 'started',
  TranscriptionUpdated: 'started',
  TranscriptionStopped: 'stopped',
  TranscriptionFailed: 'failed',
};

const FAILED_CALL = new Set(['CreateCallFailed', 'AnswerFailed', 'ConnectFailed']);

export function toCallFact(fact: AcsFact, receivedAtMs: number): CallFact {
  const base = { id: fact.id, atMs: fact.atMs ?? receivedAtMs };
  const result = fact.result ? { code: fact.result.code, subCode: fact.result.subCode } : {};
  if (fact.type === 'CallConnected') return { ...base, kind: 'connected' };
  if (fact.type === 'CallDisconnected') return { ...base, kind: 'disconnected', ...result };
  if (FAILED_CALL.has(fact.type)) return { ...base, kind: 'failed', ...result };
  switch (fact.type) {
    case 'Unknown':
      return { ...base, kind: 'unknown', type: fact.rawType };
    case 'ParticipantsUpdated':
      return {
        ...base,
        kind: 'participants',
        sequence: fact.sequenceNumber ?? 0,
        count: fact.participants.length,
      };
    case 'MediaStreamingStarted':
    case 'MediaStreamingStopped':
    case 'MediaStreamingFailed': {
      const subCode = fact.result?.subCode;
      const state = STREAM_STATES[fact.type] ?? 'unknown';
      return { ...base, kind: 'mediaStreaming', state, ...(subCode === undefined ? {} : { subCode }) };
    }
    case 'TranscriptionStarted':
    case 'TranscriptionUpdated':
    case 'TranscriptionStopped':
    case 'TranscriptionFailed':
      return { ...base, kind: 'transcription', state: STREAM_STATES[fact.type] ?? 'unknown' };
    case 'RecordingStateChanged':
      return { ...base, kind: 'recording', state: fact.recordingState ?? 'unknown' };
    default: {
      const context = fact.operationContext;
      return {
        ...base,
        kind: 'operation',
        type: fact.type,
        ok: !fact.type.endsWith('Failed'),
        ...(context === undefined ? {} : { operationContext: context }),
      };
    }
  }
}
