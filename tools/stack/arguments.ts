import { parseArgs } from 'node:util';
import { stateDirOf } from '../../src/ops/stack-file.js';
import { StackError } from './error.js';
import type { Environment } from './settings.js';

export interface RunnerArguments {
  readonly workers: number;
  readonly demo: boolean;
  readonly stateDir: string;
  readonly help: boolean;
}

export const USAGE = `npm start -- [--workers N] [--no-demo] [--state DIR]
  --workers N   how many workers, each an app with its sidecar (2)
  --no-demo     place no demonstration call
  --state DIR   where data, logs and keys are kept (.rtvoice, or RTVOICE_STATE_DIR)`;

const MAX_WORKERS = 32;

/** @throws StackError RTV_STACK_ARGUMENTS */
export function readArguments(argv: readonly string[], env: Environment): RunnerArguments {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        workers: { type: 'string', default: '2' },
        'no-demo': { type: 'boolean', default: false },
        state: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const workers = Number(values.workers);
    if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
      throw new Error(`--workers ${values.workers}: a number from 1 to ${MAX_WORKERS} is wanted`);
    }
    return {
      workers,
      demo: !values['no-demo'],
      stateDir: stateDirOf({ RTVOICE_STATE_DIR: values.state ?? env.RTVOICE_STATE_DIR }),
      help: values.help,
    };
  } catch (error) {
    throw new StackError('RTV_STACK_ARGUMENTS', `${(error as Error).message}\n${USAGE}`, { cause: error });
  }
}
