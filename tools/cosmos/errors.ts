/** Why the Cosmos stand-in does not start. */
export type StandInErrorCode =
  | 'RTV_STACK_COSMOS_ARGUMENTS'
  | 'RTV_STACK_COSMOS_JOURNAL'
  | 'RTV_STACK_COSMOS_LOCKED'
  | 'RTV_STACK_COSMOS_PORT';

/** A failure of the stand-in with a stable code. */
export class StandInError extends Error {
  readonly code: StandInErrorCode;

  constructor(code: StandInErrorCode, message: string, options?: { cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.name = 'StandInError';
    this.code = code;
  }
}
