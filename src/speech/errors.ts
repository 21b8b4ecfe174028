/** Why speech failed: cause, cure, and `retryable` where the same request may succeed later. */
export const SPEECH_ERRORS = {
  RTV_SPEECH_ABORTED: {
    retryable: false,
    cause: 'A synthesis was ended by who asked for it: the caller spoke, or the call ended.',
    cure: 'Nothing to do.',
  },
  RTV_SPEECH_AUTH: {
    retryable: false,
    cause: 'The speech service answered 401 or 403.',
    cure: 'Check the key or identity of the speech resource, and its region.',
  },
  RTV_SPEECH_REJECTED: {
    retryable: false,
    cause: 'The speech engine refused the request: unknown voice, nothing to speak, text or audio too long.',
    cure: 'Check SPEECH_VOICE and SPEECH_LOCALE; the message says which rule it was.',
  },
  RTV_SPEECH_THROTTLED: {
    retryable: true,
    cause: 'The speech service answered 429, or too many texts wait for the synthesis threads.',
    cure: 'Raise SPEECH_THREADS where there are cores, or add workers; raise the quota of a service.',
  },
  RTV_SPEECH_UNAVAILABLE: {
    retryable: true,
    cause: 'The speech engine failed, could not be reached, or sent no audio.',
    cure: 'The caller hears a phrase that is kept ready. Look at the engine if it lasts.',
  },
  RTV_SPEECH_STALLED: {
    retryable: true,
    cause: 'The speech engine sent no audio in time.',
    cure: 'Look at its load; on this machine at the CPU that the synthesis threads get.',
  },
} as const;

export type SpeechErrorCode = keyof typeof SPEECH_ERRORS;

/** A failure of speech synthesis. Its message never holds spoken text. */
export class SpeechError extends Error {
  readonly code: SpeechErrorCode;
  readonly retryable: boolean;
  /** How long the service asks to be left alone, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: SpeechErrorCode,
    message: string,
    options: { cause?: unknown; retryAfterMs?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'SpeechError';
    this.code = code;
    this.retryable = SPEECH_ERRORS[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
