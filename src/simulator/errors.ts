/** Codes of the simulator's own failures (not those that it plays for ACS). */
export type SimErrorCode =
  | 'RTV_SIM_USAGE'
  | 'RTV_SIM_PORT_IN_USE'
  | 'RTV_SIM_SCRIPT_INVALID'
  | 'RTV_SIM_FAULTS_INVALID'
  | 'RTV_SIM_LATENCY_INVALID'
  | 'RTV_SIM_WAV_INVALID'
  | 'RTV_SIM_SPEECH_FAILED'
  | 'RTV_SIM_NO_INCOMING_URL'
  | 'RTV_SIM_BUSY'
  | 'RTV_SIM_CALL_UNKNOWN'
  | 'RTV_SIM_RECORDING_GONE'
  | 'RTV_SIM_REQUEST_INVALID'
  | 'RTV_SIM_NOT_FOUND'
  | 'RTV_SIM_UNREACHABLE';

/** An error of the simulator itself. `status` is what its control API answers. */
export class SimError extends Error {
  readonly code: SimErrorCode;
  readonly status: number;

  constructor(code: SimErrorCode, message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'SimError';
    this.code = code;
    this.status = options.status ?? 400;
  }
}

/** The message of anything thrown, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
