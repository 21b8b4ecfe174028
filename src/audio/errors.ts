export type AudioErrorCode =
  | 'RTV_AUDIO_FORMAT'
  | 'RTV_AUDIO_VOICE_UNKNOWN'
  | 'RTV_AUDIO_TEXT_TOO_LONG'
  | 'RTV_AUDIO_TEXT_EMPTY'
  | 'RTV_AUDIO_QUEUE_FULL'
  | 'RTV_AUDIO_SYNTHESIS_FAILED'
  | 'RTV_AUDIO_SYNTHESIS_TIMEOUT'
  | 'RTV_AUDIO_ABORTED'
  | 'RTV_AUDIO_CLOSED';

/** A failure in this library. `code` is stable; `message` never holds spoken text. */
export class AudioError extends Error {
  readonly code: AudioErrorCode;

  constructor(code: AudioErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AudioError';
    this.code = code;
  }
}
