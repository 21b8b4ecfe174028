/** What goes wrong with the local stack, with causes and cures (docs/errors.md). Messages say what to do, too. */
export const STACK_ERRORS = {
  RTV_STACK_ARGUMENTS: {
    cause: 'An argument of npm start, or a setting of the runner, is not understood.',
    cure: 'npm start -- --help lists the arguments; docs/settings.md the settings.',
  },
  RTV_STACK_DESCRIPTION: {
    cause: 'dapr.yaml cannot be read, or a field that the runner needs is missing or wrong.',
    cure: 'The message names the field; compare with the file in the repository.',
  },
  RTV_STACK_ALREADY_RUNNING: {
    cause: 'Another runner has a stack in this state folder.',
    cure: 'End it, or give another folder: --state DIR or RTVOICE_STATE_DIR.',
  },
  RTV_STACK_PORT_IN_USE: {
    cause: 'FRONT_DOOR_PORT is taken, or no free port was found for a part.',
    cure: 'End what holds the port, or choose another; other ports are picked free by themselves.',
  },
  RTV_STACK_SECRETS_UNREADABLE: {
    cause: 'secrets.json in the state folder cannot be read, and the stored data cannot be read without it.',
    cure: 'Put it back, or remove the whole state folder to begin anew.',
  },
  RTV_STACK_SETTING_MISSING: {
    cause: 'A setting is there and another that it needs is not.',
    cure: 'COSMOS_ENDPOINT needs COSMOS_KEY.',
  },
  RTV_STACK_STORE_REFUSED: {
    cause: 'The Redis or Cosmos DB that the environment names does not answer.',
    cure: 'Check REDIS_HOST, REDIS_PORT and COSMOS_ENDPOINT, or unset them to run local ones.',
  },
  RTV_STACK_CHILD_FAILED: {
    cause: 'A process of the stack ended several times before the stack was ready.',
    cure: 'The message holds the end of its log, which lies in .rtvoice/logs.',
  },
  RTV_STACK_NOT_READY: {
    cause: 'The stack was not ready in time; the message names what is missing.',
    cure: 'Look at the logs of those parts in .rtvoice/logs.',
  },
  RTV_STACK_STOPPED: {
    cause: 'The start was ended, for instance by Ctrl-C.',
    cure: 'Nothing to do.',
  },
  RTV_STACK_PROVISION: {
    cause: 'The database or a container could not be created in Cosmos DB.',
    cure: 'Check COSMOS_KEY and the endpoint; the message holds the answer. See docs/runbooks/cosmos.md.',
  },
  RTV_STACK_DAPR_MISSING: {
    cause: 'No Dapr of the version needed was found, and none could be made.',
    cure: 'Install it, start Docker, install Go 1.26, or set RTVOICE_DAPR_BIN; the message has the commands.',
  },
  RTV_STACK_DAPR_INVALID: {
    cause: 'RTVOICE_DAPR_BIN names a folder without daprd, placement and scheduler of the version needed.',
    cure: 'Name another folder, or unset it.',
  },
  RTV_STACK_DAPR_BUILD_FAILED: {
    cause: 'Building Dapr with Go failed, or the programs do not run here.',
    cure: 'The message holds the end of the output: often no disk (3 GB are needed) or no way to the module proxy.',
  },
  RTV_STACK_REDIS_MISSING: {
    cause: 'No Redis was found, and none could be started.',
    cure: 'Install redis-server, start Docker, or set REDIS_HOST; the message has the commands.',
  },
  RTV_STACK_REDIS_INVALID: {
    cause: 'REDIS_PORT is no port, or a Redis setting holds a control character.',
    cure: 'Correct the setting.',
  },
} as const;

export type StackErrorCode = keyof typeof STACK_ERRORS;

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
