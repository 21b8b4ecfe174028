import type { AcsFactType } from './facts.js';

/** What of an event says something about an operation; an AcsFact is one. It holds nothing personal. */
export interface OperationSignal {
  readonly type: AcsFactType;
  readonly operationContext?: string;
  readonly recordingId?: string;
  /** `active` or `inactive`. */
  readonly recordingState?: string;
  readonly result?: { readonly code: number; readonly subCode: number };
}

/** Call-control operations whose outcome is followed. */
export const OPERATION_KINDS = [
  'answer',
  'createCall',
  'hangUp',
  'transfer',
  'addParticipant',
  'removeParticipant',
  'muteParticipant',
  'play',
  'cancelAllMedia',
  'recognizeDtmf',
  'startContinuousDtmf',
  'stopContinuousDtmf',
  'sendDtmf',
  'hold',
  'unhold',
  'startMediaStreaming',
  'stopMediaStreaming',
  'startTranscription',
  'stopTranscription',
  'updateTranscription',
  'startRecording',
  'pauseRecording',
  'resumeRecording',
  'stopRecording',
] as const;

export type OperationKind = (typeof OPERATION_KINDS)[number];

/** How an operation of a kind ends. */
export interface OperationRule {
  readonly succeeds: readonly AcsFactType[];
  readonly fails: readonly AcsFactType[];
  readonly cancels?: readonly AcsFactType[];
  /**
   * `context`: the event carries the operation's id back. `kind`: it does not; it belongs to the oldest
   * open operation of the kind, there being one at a time.
   */
  readonly match: 'context' | 'kind';
  /**
   * What ends it well: an `event`; the `request`, whose success is the outcome; or `silence`: ACS reports
   * only a failure, so an accepted operation has succeeded when its deadline passes.
   */
  readonly by: 'event' | 'request' | 'silence';
  /** State that a RecordingStateChanged must carry. */
  readonly recordingState?: string;
  /** Default time to wait, ms. */
  readonly deadlineMs: number;
}

const event = (
  succeeds: readonly AcsFactType[],
  fails: readonly AcsFactType[],
  deadlineMs: number,
  more: Partial<OperationRule> = {},
): OperationRule => ({ succeeds, fails, match: 'context', by: 'event', deadlineMs, ...more });

const request = (deadlineMs: number): OperationRule => ({
  succeeds: [],
  fails: [],
  match: 'context',
  by: 'request',
  deadlineMs,
});

const recording = (recordingState: string): OperationRule =>
  event(['RecordingStateChanged'], [], 15_000, { match: 'kind', recordingState });

/** What each kind waits for. Deadlines: how long its event takes at worst, with room for a late delivery. */
export const OPERATION_RULES: Readonly<Record<OperationKind, OperationRule>> = {
  answer: event(['CallConnected'], ['AnswerFailed', 'ConnectFailed'], 15_000, { match: 'kind' }),
  createCall: event(['CallConnected'], ['CreateCallFailed', 'ConnectFailed'], 120_000, { match: 'kind' }),
  hangUp: event(['CallDisconnected'], [], 10_000, { match: 'kind' }),
  transfer: event(['CallTransferAccepted'], ['CallTransferFailed'], 60_000),
  addParticipant: event(['AddParticipantSucceeded'], ['AddParticipantFailed'], 200_000),
  removeParticipant: event(['RemoveParticipantSucceeded'], ['RemoveParticipantFailed'], 15_000),
  muteParticipant: request(10_000),
  play: event(['PlayCompleted'], ['PlayFailed'], 300_000, { cancels: ['PlayCanceled'] }),
  cancelAllMedia: request(10_000),
  recognizeDtmf: event(['RecognizeCompleted'], ['RecognizeFailed'], 120_000, {
    cancels: ['RecognizeCanceled'],
  }),
  startContinuousDtmf: request(10_000),
  stopContinuousDtmf: event(
    ['ContinuousDtmfRecognitionStopped'],
    ['ContinuousDtmfRecognitionToneFailed'],
    15_000,
  ),
  sendDtmf: event(['SendDtmfTonesCompleted'], ['SendDtmfTonesFailed'], 30_000),
  hold: event([], ['HoldFailed'], 5000, { by: 'silence' }),
  unhold: request(10_000),
  startMediaStreaming: event(['MediaStreamingStarted'], ['MediaStreamingFailed'], 10_000),
  stopMediaStreaming: event(['MediaStreamingStopped'], ['MediaStreamingFailed'], 10_000),
  startTranscription: event(['TranscriptionStarted'], ['TranscriptionFailed'], 15_000),
  stopTranscription: event(['TranscriptionStopped'], ['TranscriptionFailed'], 15_000),
  updateTranscription: event(['TranscriptionUpdated'], ['TranscriptionFailed'], 15_000),
  startRecording: { ...recording('active'), fails: ['StartRecordingFailed'] },
  pauseRecording: recording('inactive'),
  resumeRecording: recording('active'),
  stopRecording: recording('inactive'),
};

export type Verdict = 'succeeded' | 'failed' | 'canceled';

/** What an event says about an operation, or undefined when it says nothing. */
export function verdictOf(
  operation: { readonly id: string; readonly kind: OperationKind; readonly recordingId?: string },
  fact: OperationSignal,
): Verdict | undefined {
  const rule = OPERATION_RULES[operation.kind];
  if (rule.match === 'context' && fact.operationContext !== operation.id) return undefined;
  if (fact.type === 'RecordingStateChanged' && !fitsRecording(operation.recordingId, rule, fact)) {
    return undefined;
  }
  if (rule.succeeds.includes(fact.type)) return 'succeeded';
  if (rule.fails.includes(fact.type)) return 'failed';
  return rule.cancels?.includes(fact.type) ? 'canceled' : undefined;
}

function fitsRecording(recordingId: string | undefined, rule: OperationRule, fact: OperationSignal): boolean {
  if (recordingId && fact.recordingId && recordingId !== fact.recordingId) return false;
  return rule.recordingState === fact.recordingState;
}
