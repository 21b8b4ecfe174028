/** Codes of the simulator, with causes and cures (docs/errors.md). */

/** Its own failures. `status`: what the control API answers, 400 unless given. */
export const SIM_ERRORS = {
  RTV_SIM_USAGE: {
    cause: 'The command line holds something that is not understood.',
    cure: 'The message names it; --help lists the options.',
  },
  RTV_SIM_PORT_IN_USE: {
    cause: 'The port of the simulator is taken.',
    cure: 'End what holds it, or give another --port (none: any free one).',
  },
  RTV_SIM_SCRIPT_INVALID: {
    cause: 'A script is no JSON, or a line holds what a script does not know.',
    cure: 'The message names the field; docs/simulator.md lists them, examples/calls has examples.',
  },
  RTV_SIM_FAULTS_INVALID: {
    cause: 'An entry of --faults is not understood.',
    cure: 'The message names it; docs/simulator.md lists the faults.',
  },
  RTV_SIM_LATENCY_INVALID: {
    cause: 'An entry of --latency is not understood.',
    cure: 'Give none, default, or rest=50-150,socket=100-300,final=300-800,event=10-50 (ms).',
  },
  RTV_SIM_WAV_INVALID: {
    cause: 'A WAV file that a script names cannot be read or played.',
    cure: 'PCM of 16 bits is needed: sox IN.wav -b 16 -e signed-integer OUT.wav. Paths are relative to the script.',
  },
  RTV_SIM_SPEECH_FAILED: {
    cause: 'The voice of a caller gave no speech.',
    cure: 'Name another --voice; the message says what the engine said.',
  },
  RTV_SIM_NO_INCOMING_URL: {
    cause: 'It is not known where IncomingCall is to be posted.',
    cure: 'Give --incoming-url at start, or --incoming with the call.',
  },
  RTV_SIM_BUSY: {
    status: 503,
    cause: 'There are as many calls as the simulator takes.',
    cure: 'Wait for some to end, or start it with a higher --max-calls.',
  },
  RTV_SIM_CALL_UNKNOWN: {
    status: 404,
    cause: 'There is no call of this id, or it ended long ago.',
    cure: 'GET /simulator/calls lists the live ones; --keep-calls says how many ended ones are remembered.',
  },
  RTV_SIM_RECORDING_GONE: {
    status: 404,
    cause: 'The call was not recorded, or its recording was dropped.',
    cure: 'Place the call with --record; --keep-recordings says how many are kept.',
  },
  RTV_SIM_REQUEST_INVALID: {
    cause:
      'A request to the control API holds what it does not know, is too large (413) or comes from a web page (403).',
    cure: 'The message names the field; docs/simulator.md lists the requests.',
  },
  RTV_SIM_NOT_FOUND: {
    status: 404,
    cause: 'The control API has nothing at this address.',
    cure: 'See "Control API" in docs/simulator.md.',
  },
  RTV_SIM_UNREACHABLE: {
    cause: 'No simulator answers, or it went away during the call.',
    cure: 'Start a stack (npm start), or name a simulator with --acs URL; its log is .rtvoice/logs/simulator.log.',
  },
} as const;

export type SimErrorCode = keyof typeof SIM_ERRORS;

/** Inner codes of what it answers in the place of ACS; the outer ones are those of ACS. */
export const SIM_INNER_ERRORS = {
  RTV_SIM_HMAC_MISSING: {
    status: 401,
    cause: 'A request to the simulated ACS has no Authorization header of the HMAC-SHA256 form.',
    cure: 'Sign it with the access key; the ACS SDK does.',
  },
  RTV_SIM_HMAC_DATE: {
    status: 401,
    cause: 'The x-ms-date header is missing or more than 15 minutes off.',
    cure: 'Check the clock of the sender.',
  },
  RTV_SIM_HMAC_CONTENT: {
    status: 401,
    cause: 'The x-ms-content-sha256 header does not match the body.',
    cure: 'Check that nothing between sender and simulator changes the body.',
  },
  RTV_SIM_HMAC_SIGNATURE: {
    status: 401,
    cause: 'The signature of a request to the simulated ACS does not match.',
    cure: 'ACS_CONNECTION_STRING must hold the access key that the simulator was started with.',
  },
  RTV_SIM_BUG: {
    status: 500,
    cause: 'The simulator failed on a request in a way that it does not know.',
    cure: 'A fault of the simulator: report it with the message.',
  },
} as const;

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
