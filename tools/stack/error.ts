/** What goes wrong with the local stack. The message says what to do about it. */
export type StackErrorCode =
  | 'RTV_STACK_ARGUMENTS'
  | 'RTV_STACK_DESCRIPTION'
  | 'RTV_STACK_ALREADY_RUNNING'
  | 'RTV_STACK_PORT_IN_USE'
  | 'RTV_STACK_SECRETS_UNREADABLE'
  | 'RTV_STACK_SETTING_MISSING'
  | 'RTV_STACK_STORE_REFUSED'
  | 'RTV_STACK_CHILD_FAILED'
  | 'RTV_STACK_NOT_READY'
  | 'RTV_STACK_STOPPED'
  | 'RTV_STACK_PROVISION';

export class StackError extends Error {
  override readonly name = 'StackError';

  constructor(
    readonly code: StackErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${code}: ${message}`, options);
  }
}
