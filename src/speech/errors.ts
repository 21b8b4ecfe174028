/** Why speech failed; `retryable` says whether the same request may succeed later. */
export const SPEECH_ERRORS = {
  RTV_SPEECH_ABORTED: { retryable: false },
  RTV_SPEECH_AUTH: { retryable: false },
  RTV_SPEECH_REJECTED: { retryable: false },
  RTV_SPEECH_THROTTLED: { retryable: true },
  RTV_SPEECH_UNAVAILABLE: { retryable: true },
  RTV_SPEECH_STALLED: { retryable: true },
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
