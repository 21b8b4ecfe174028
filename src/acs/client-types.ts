import type { AcsErrorCode } from './codes.js';
import type { FactParticipant } from './facts.js';

/**
 * What came of an operation. `unknown: true` says that its effect may have taken place although no answer
 * says so; `retryable: true` that the same request may succeed later, not before `retryAfterMs` if given.
 * It never holds text of ACS, raw ids or numbers.
 */
export type AcsResult<T> = { readonly ok: true; readonly value: T } | AcsFailure;

export interface AcsFailure {
  readonly ok: false;
  readonly code: AcsErrorCode;
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** ACS's own code in the error body, e.g. 8519. */
  readonly subCode?: number;
  readonly retryable: boolean;
  readonly unknown: boolean;
  readonly retryAfterMs?: number;
}

/** Options of each operation. */
export interface CallOptions {
  /** Ends the wait; the effect may still take place. */
  readonly signal?: AbortSignal;
  /** Over all attempts, ms; default: the client's. */
  readonly deadlineMs?: number;
  /** Sent as repeatability-request-id where ACS knows it: the same id is the same request. */
  readonly repeatabilityId?: string;
  /** Sent as repeatability-first-sent, ms since the epoch; default: now. */
  readonly firstSentMs?: number;
}

/** Options of an operation whose outcome comes as an event. */
export interface OperationOptions extends CallOptions {
  /** Comes back in the event; at most 5,000 characters. */
  readonly operationContext?: string;
}

export type SampleRate = 16_000 | 24_000;

/** Where and how ACS opens its sockets. */
export interface StreamingSetup {
  /** wss URL of the bidirectional media socket; no media streaming without it. */
  readonly mediaUrl?: string;
  /** wss URL of the transcription socket; no transcription without it. */
  readonly transcriptionUrl?: string;
  /** BCP 47, e.g. en-US. */
  readonly locale: string;
  /** Hz of PCM16 mono, both ways. */
  readonly sampleRate: SampleRate;
  /** Default mixed. */
  readonly channels?: 'mixed' | 'unmixed';
  /** Needed for ACS's own text to speech and transcription. */
  readonly cognitiveServicesEndpoint?: string;
}

export interface AnswerRequest extends StreamingSetup, OperationOptions {
  readonly incomingCallContext: string;
  readonly callbackUri: string;
}

export interface CreateCallRequest extends StreamingSetup, OperationOptions {
  /** Raw id of whom to call. */
  readonly target: string;
  /** E.164 caller id, needed for a phone number. */
  readonly sourceNumber?: string;
  readonly sourceDisplayName?: string;
  readonly callbackUri: string;
}

export interface AcsCall {
  readonly callConnectionId: string;
  readonly serverCallId?: string;
  readonly correlationId?: string;
  /** unknown, connecting, connected, transferring, transferAccepted, disconnecting, disconnected. */
  readonly state: string;
}

export interface CallProperties extends AcsCall {
  /** State of the media streaming subscription: disabled, inactive, active. */
  readonly mediaStreaming?: string;
  readonly transcription?: string;
}

export type PlaySource =
  | { readonly kind: 'text'; readonly text: string; readonly locale?: string; readonly voice?: string }
  | { readonly kind: 'ssml'; readonly ssml: string }
  | { readonly kind: 'file'; readonly url: string };

export interface PlayRequest extends OperationOptions {
  readonly sources: readonly PlaySource[];
  /** Raw ids; without it everyone hears it. */
  readonly to?: readonly string[];
  readonly loop?: boolean;
  /** Only when everyone hears it. */
  readonly interrupt?: boolean;
}

export interface RecognizeDtmfRequest extends OperationOptions {
  /** Raw id of whom to listen to. */
  readonly from: string;
  readonly maxTones?: number;
  readonly stopTones?: readonly DtmfTone[];
  /** Whole seconds. */
  readonly initialSilenceS?: number;
  readonly interToneS?: number;
  readonly interrupt?: boolean;
  readonly interruptPrompt?: boolean;
  readonly prompt?: PlaySource;
}

export type DtmfTone =
  | 'zero'
  | 'one'
  | 'two'
  | 'three'
  | 'four'
  | 'five'
  | 'six'
  | 'seven'
  | 'eight'
  | 'nine'
  | 'a'
  | 'b'
  | 'c'
  | 'd'
  | 'pound'
  | 'asterisk';

export interface TransferRequest extends OperationOptions {
  readonly target: string;
  readonly transferee?: string;
  readonly sourceNumber?: string;
}

export interface AddParticipantRequest extends OperationOptions {
  readonly participant: string;
  readonly sourceNumber?: string;
  readonly sourceDisplayName?: string;
  /** Whole seconds, at most 180. */
  readonly invitationTimeoutS?: number;
}

export interface StartRecordingRequest extends CallOptions {
  readonly callConnectionId: string;
  readonly stateCallbackUri?: string;
  readonly content?: 'audio' | 'audioVideo';
  readonly channel?: 'mixed' | 'unmixed';
  readonly format?: 'mp3' | 'mp4' | 'wav';
  readonly pauseOnStart?: boolean;
}

export interface Recording {
  readonly recordingId: string;
  /** `active` or `inactive`. */
  readonly state: string;
}

type Done = Promise<AcsResult<void>>;

/** Everything that is said to ACS over REST. No method throws or rejects. */
export interface AcsClient {
  answer(request: AnswerRequest): Promise<AcsResult<AcsCall>>;
  reject(
    incomingCallContext: string,
    options?: CallOptions & { readonly reason?: 'none' | 'busy' | 'forbidden' },
  ): Done;
  redirect(incomingCallContext: string, target: string, options?: CallOptions): Done;
  createCall(request: CreateCallRequest): Promise<AcsResult<AcsCall>>;
  properties(callId: string, options?: CallOptions): Promise<AcsResult<CallProperties>>;
  /** `forEveryone` ends the call; otherwise only this side leaves it. `callNotFound` means it is over. */
  hangUp(callId: string, options?: CallOptions & { readonly forEveryone?: boolean }): Done;
  transfer(callId: string, request: TransferRequest): Done;
  listParticipants(callId: string, options?: CallOptions): Promise<AcsResult<readonly FactParticipant[]>>;
  addParticipant(
    callId: string,
    request: AddParticipantRequest,
  ): Promise<AcsResult<{ readonly invitationId?: string }>>;
  removeParticipant(callId: string, participant: string, options?: OperationOptions): Done;
  muteParticipant(callId: string, participant: string, options?: OperationOptions): Done;
  play(callId: string, request: PlayRequest): Done;
  cancelAllMedia(callId: string, options?: CallOptions): Done;
  recognizeDtmf(callId: string, request: RecognizeDtmfRequest): Done;
  startContinuousDtmf(callId: string, from: string, options?: OperationOptions): Done;
  stopContinuousDtmf(callId: string, from: string, options?: OperationOptions): Done;
  sendDtmf(callId: string, tones: readonly DtmfTone[], to: string, options?: OperationOptions): Done;
  hold(
    callId: string,
    participant: string,
    options?: OperationOptions & { readonly music?: PlaySource },
  ): Done;
  unhold(callId: string, participant: string, options?: OperationOptions): Done;
  startMediaStreaming(callId: string, options?: OperationOptions): Done;
  stopMediaStreaming(callId: string, options?: OperationOptions): Done;
  startTranscription(callId: string, options?: OperationOptions & { readonly locale?: string }): Done;
  stopTranscription(callId: string, options?: OperationOptions): Done;
  updateTranscription(callId: string, locale: string, options?: OperationOptions): Done;
  startRecording(request: StartRecordingRequest): Promise<AcsResult<Recording>>;
  recordingState(recordingId: string, options?: CallOptions): Promise<AcsResult<Recording>>;
  pauseRecording(recordingId: string, options?: CallOptions): Done;
  resumeRecording(recordingId: string, options?: CallOptions): Done;
  stopRecording(recordingId: string, options?: CallOptions): Done;
  /** Closes the connections; what is in flight fails. For the end of the process. */
  close(): void;
}
