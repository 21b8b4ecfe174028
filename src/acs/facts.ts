import type { CallParty } from './identifiers.js';

/** Mid-call event types that carry only the common fields. */
export const PLAIN_FACT_TYPES = [
  'CallConnected',
  'CallDisconnected',
  'CreateCallFailed',
  'AnswerFailed',
  'ConnectFailed',
  'CallTransferFailed',
  'PlayStarted',
  'PlayCompleted',
  'PlayCanceled',
  'RecognizeCanceled',
  'ContinuousDtmfRecognitionToneFailed',
  'ContinuousDtmfRecognitionStopped',
  'SendDtmfTonesCompleted',
  'SendDtmfTonesFailed',
  'HoldFailed',
] as const;

export const PARTICIPANT_FACT_TYPES = [
  'AddParticipantSucceeded',
  'AddParticipantFailed',
  'RemoveParticipantSucceeded',
  'RemoveParticipantFailed',
  'MoveParticipantSucceeded',
  'MoveParticipantFailed',
] as const;

export const INVITATION_FACT_TYPES = ['CancelAddParticipantSucceeded', 'CancelAddParticipantFailed'] as const;

export const FAILED_SOURCE_FACT_TYPES = ['PlayFailed', 'RecognizeFailed'] as const;

export const MEDIA_STREAMING_FACT_TYPES = [
  'MediaStreamingStarted',
  'MediaStreamingStopped',
  'MediaStreamingFailed',
] as const;

export const TRANSCRIPTION_FACT_TYPES = [
  'TranscriptionStarted',
  'TranscriptionStopped',
  'TranscriptionUpdated',
  'TranscriptionFailed',
] as const;

export const RECORDING_FACT_TYPES = ['RecordingStateChanged', 'StartRecordingFailed'] as const;

/** Outcome that ACS gives with an event. `message` is ACS's prose: never log it, it may name a party. */
export interface FactResult {
  readonly code: number;
  readonly subCode: number;
  readonly message: string;
}

/** Someone in the call, as ParticipantsUpdated lists them. */
export interface FactParticipant extends CallParty {
  readonly isMuted: boolean;
  readonly isOnHold: boolean;
}

/** What a recognition heard. `phrase` and `speech` are the caller's words: personal data. */
export interface Recognition {
  readonly kind: 'dtmf' | 'choices' | 'speech' | 'unknown';
  /** Tone names as ACS gives them, lower case: `one`, `pound`, `asterisk` … */
  readonly tones?: readonly string[];
  readonly label?: string;
  readonly phrase?: string;
  readonly speech?: string;
  readonly confidence?: number;
}

/** Fields of every fact. */
export interface FactBase {
  /** CloudEvents id: the same event delivered again has the same id. */
  readonly id: string;
  /** Type as it came, at most 256 characters. */
  readonly rawType: string;
  readonly callConnectionId: string;
  readonly correlationId?: string;
  readonly serverCallId?: string;
  readonly operationContext?: string;
  /** CloudEvents time, ms since the epoch, by the sender's clock. */
  readonly atMs?: number;
  readonly result?: FactResult;
}

/** The fields of a fact that belong to its type. */
export type FactDetail =
  | { readonly type: (typeof PLAIN_FACT_TYPES)[number] }
  | {
      readonly type: 'ParticipantsUpdated';
      readonly participants: readonly FactParticipant[];
      /** Grows with each list; a lower one is older news. */
      readonly sequenceNumber?: number;
    }
  | { readonly type: (typeof PARTICIPANT_FACT_TYPES)[number]; readonly participant?: CallParty }
  | { readonly type: (typeof INVITATION_FACT_TYPES)[number]; readonly invitationId?: string }
  | {
      readonly type: 'CallTransferAccepted';
      readonly transferee?: CallParty;
      readonly transferTarget?: CallParty;
    }
  | {
      readonly type: (typeof FAILED_SOURCE_FACT_TYPES)[number];
      readonly failedPlaySourceIndex?: number;
    }
  | { readonly type: 'RecognizeCompleted'; readonly recognition: Recognition }
  | {
      readonly type: 'ContinuousDtmfRecognitionToneReceived';
      readonly tone?: string;
      readonly sequenceId?: number;
    }
  | {
      readonly type: (typeof MEDIA_STREAMING_FACT_TYPES)[number];
      readonly mediaStreamingUpdate?: {
        readonly contentType?: string;
        readonly status?: string;
        readonly details?: string;
      };
    }
  | {
      readonly type: (typeof TRANSCRIPTION_FACT_TYPES)[number];
      readonly transcriptionUpdate?: { readonly status?: string; readonly details?: string };
    }
  | {
      readonly type: (typeof RECORDING_FACT_TYPES)[number];
      readonly recordingId?: string;
      /** `active` or `inactive`. */
      readonly recordingState?: string;
      readonly recordingKind?: string;
      readonly startedAtMs?: number;
    }
  /** A type that this build does not know: kept and counted, its data is not read. */
  | { readonly type: 'Unknown' };

/** One normalised ACS event. */
export type AcsFact = FactBase & FactDetail;

export type AcsFactType = AcsFact['type'];

/** Prefix of the public event types on the wire. */
export const EVENT_TYPE_PREFIX = 'Microsoft.Communication.';
