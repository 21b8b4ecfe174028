/** What can go wrong while the external parts of the local stack are looked for. */
export type StackErrorCode =
  | 'RTV_STACK_DAPR_MISSING'
  | 'RTV_STACK_DAPR_INVALID'
  | 'RTV_STACK_DAPR_BUILD_FAILED'
  | 'RTV_STACK_REDIS_MISSING'
  | 'RTV_STACK_REDIS_INVALID';

/** A failure with a stable code; its message says what to do about it. */
export class StackError extends Error {
  readonly code: StackErrorCode;

  constructor(code: StackErrorCode, message: string, options?: { cause?: unknown }) {
    super(`${code}: ${message}`, options);
    this.name = 'StackError';
    this.code = code;
  }
}
