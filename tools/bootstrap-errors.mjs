/** What goes wrong before anything is installed, with causes and cures (docs/errors.md). */
export const BOOTSTRAP_ERRORS = {
  RTV_BOOTSTRAP_NODE: {
    cause: 'This Node is too old.',
    cure: 'Install Node 20.19 or later; .nvmrc names the version that development uses.',
  },
  RTV_BOOTSTRAP_INSTALL: {
    cause: 'npm ci failed.',
    cure: 'Its own lines stand above the message; often there is no way to the package registry.',
  },
  RTV_BOOTSTRAP_BUILD: {
    cause: 'The sources do not compile.',
    cure: 'The errors of the compiler stand above the message.',
  },
  RTV_BOOTSTRAP_RUN: {
    cause: 'A command that is needed could not be started.',
    cure: 'Check that npm is installed beside Node and on PATH.',
  },
};

/**
 * @param {keyof typeof BOOTSTRAP_ERRORS} code
 * @param {string} [message] in place of the cause
 */
export function bootstrapError(code, message = BOOTSTRAP_ERRORS[code].cause) {
  return new Error(`${code}: ${message}`);
}
