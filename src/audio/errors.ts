/** Codes of sound and synthesis on this machine, with causes and cures (docs/errors.md). */
export const AUDIO_ERRORS = {
  RTV_AUDIO_FORMAT: {
    cause: 'A WAV file is not PCM of 16 bits, or is damaged.',
    cure: 'Convert it: sox IN.wav -b 16 -e signed-integer OUT.wav.',
  },
  RTV_AUDIO_VOICE_UNKNOWN: {
    cause: 'There is no flite voice of this name.',
    cure: 'The voices are listed in src/audio/flite.ts.',
  },
  RTV_AUDIO_TEXT_TOO_LONG: {
    cause: 'A text for synthesis is longer than the limit.',
    cure: 'Cut it into sentences, as replies are.',
  },
  RTV_AUDIO_TEXT_EMPTY: {
    cause: 'A text for synthesis holds nothing that can be spoken.',
    cure: 'Send words; marks and white space alone make no sound.',
  },
  RTV_AUDIO_QUEUE_FULL: {
    cause: 'Too many texts wait for a synthesis thread.',
    cure: 'Raise SPEECH_THREADS where there are cores, or add workers.',
  },
  RTV_AUDIO_SYNTHESIS_FAILED: {
    cause: 'flite failed on a text, or its thread ended twice.',
    cure: 'The pool starts a new thread. If every text fails, the flite package of this installation is damaged.',
  },
  RTV_AUDIO_SYNTHESIS_TIMEOUT: {
    cause: 'flite gave no audio in time.',
    cure: 'Look at the CPU that the synthesis threads get.',
  },
  RTV_AUDIO_ABORTED: {
    cause: 'A synthesis was ended by who asked for it.',
    cure: 'Nothing to do.',
  },
  RTV_AUDIO_CLOSED: {
    cause: 'The synthesis threads were ended, as at shutdown.',
    cure: 'Nothing to do.',
  },
} as const;

export type AudioErrorCode = keyof typeof AUDIO_ERRORS;

/** A failure in this library. `code` is stable; `message` never holds spoken text. */
export class AudioError extends Error {
  readonly code: AudioErrorCode;

  constructor(code: AudioErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AudioError';
    this.code = code;
  }
}
