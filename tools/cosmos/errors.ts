/** Why the Cosmos stand-in does not start, with causes and cures (docs/errors.md). */
export const STAND_IN_ERRORS = {
  RTV_STACK_COSMOS_ARGUMENTS: {
    cause: 'An argument of the Cosmos stand-in is not understood.',
    cure: 'It takes --port PORT and --data FOLDER.',
  },
  RTV_STACK_COSMOS_JOURNAL: {
    cause:
      'A line of the journal of the stand-in is damaged, other than one that a crash cut off at the end.',
    cure: 'Put journal.ndjson back from a copy, or remove .rtvoice/cosmos to begin with an empty database.',
  },
  RTV_STACK_COSMOS_LOCKED: {
    cause: 'Another stand-in has this data folder.',
    cure: 'End it: the message names its process.',
  },
  RTV_STACK_COSMOS_PORT: {
    cause: 'The port of the stand-in is taken.',
    cure: 'End what holds it; npm start picks another one by itself at its next start.',
  },
} as const;

export type StandInErrorCode = keyof typeof STAND_IN_ERRORS;

/** A failure of the stand-in with a stable code. */
export class StandInError extends Error {
  readonly code: StandInErrorCode;

  constructor(code: StandInErrorCode, message: string, options?: { cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.name = 'StandInError';
    this.code = code;
  }
}
