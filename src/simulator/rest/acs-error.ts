/** An error as ACS answers it: a status and `{"error":{"code","message"}}`. */
export class AcsError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The simulator's own, finer code. */
  readonly inner: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { headers?: Readonly<Record<string, string>>; inner?: string } = {},
  ) {
    super(message);
    this.name = 'AcsError';
    this.status = status;
    this.code = code;
    this.headers = more.headers ?? {};
    this.inner = more.inner;
  }

  body(): string {
    return JSON.stringify({
      error: {
        code: this.code,
        message: this.message,
        ...(this.inner === undefined ? {} : { innererror: { code: this.inner, message: this.message } }),
      },
    });
  }
}

export const callNotFound = (): AcsError => new AcsError(404, '8522', 'Call not found.');
export const notEstablished = (): AcsError =>
  new AcsError(400, '8501', 'Action is invalid when call is not in Established state.');
export const terminated = (): AcsError =>
  new AcsError(400, '8528', 'Action is invalid when call just got terminated.');
export const conflict = (message: string): AcsError => new AcsError(409, '8519', message);
export const incompatible = (message: string): AcsError => new AcsError(412, '8583', message);
export const badRequest = (message: string): AcsError => new AcsError(400, '8500', message);
export const participantNotFound = (): AcsError =>
  new AcsError(404, '8523', 'Participant is not in the call.');
