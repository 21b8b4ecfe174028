/** Codes of the conversation's memory, with causes and cures, for docs/errors.md. */
import type { ErrorEntry } from '../errors.js';

export const MEMORY_ERRORS = {
  RTV_MEMORY_VALUE_REFUSED: {
    cause: 'A context was given a value without a JSON form, or under a name that is not its to give.',
    cure: 'A fault of the calling code: see docs/memory.md for what a context holds.',
  },
  RTV_MEMORY_TOO_LARGE: {
    cause: 'Slots, tool outputs, values and system prompt together are over 64 KiB of JSON.',
    cure: 'Keep large tool outputs elsewhere and a reference in the context.',
  },
  RTV_MEMORY_ENVIRONMENT_DIFFERS: {
    cause: 'A MemoManager was made for another environment than the Redis manager it was given.',
    cure: 'Use the same ENVIRONMENT for both.',
  },
  RTV_MEMORY_PROMPT_UNAVAILABLE: {
    cause: 'A prompt could not be loaded in time, or too many are being loaded at once.',
    cure: 'Check what loads the prompts; the next request tries again.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type MemoryErrorCode = keyof typeof MEMORY_ERRORS;

/** A use of the conversation's memory that cannot be served. The message holds no value. */
export class MemoryError extends Error {
  constructor(
    readonly code: MemoryErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = 'MemoryError';
  }
}

/** Something stored that could not be used: it was set aside and worked around. Alert on it. */
export interface MemoryProblem {
  readonly code: 'RTV_RECORD_UNREADABLE' | 'RTV_SEAL_BROKEN';
  readonly what: 'session' | 'context' | 'turn' | 'auth' | 'legacy';
}
