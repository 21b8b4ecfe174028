/** Codes of the front door, with causes and cures (docs/errors.md). */

/** What it answers itself. */
export const FRONT_DOOR_ANSWERS = {
  RTV_FRONTDOOR_NO_WORKER: {
    status: 503,
    cause: 'No worker is ready.',
    cure: 'See /readyz of each worker (rtvoice status names them) and .rtvoice/logs/worker-N.log.',
  },
  RTV_FRONTDOOR_WORKER_LOST: {
    status: 502,
    cause: 'The worker went away before it answered.',
    cure: 'Send the request again: another worker takes it. The log of the worker says why it ended.',
  },
  RTV_FRONTDOOR_WORKER_SLOW: {
    status: 504,
    cause: 'The worker did not answer in time.',
    cure: 'Look at the event-loop delay of the worker and at the stores it waits for.',
  },
} as const;

export type FrontDoorCode = keyof typeof FRONT_DOOR_ANSWERS;

export const FRONT_DOOR_ERRORS = {
  ...FRONT_DOOR_ANSWERS,
  RTV_FRONTDOOR_PORT_IN_USE: {
    cause: 'The port of the front door is taken.',
    cure: 'End what holds it, or start it on another port (FRONT_DOOR_PORT with npm start).',
  },
  RTV_FRONTDOOR_START: {
    cause: 'The front door could not start; the message says why.',
    cure: 'Its arguments are --port, --host, and --upstream URL (repeated) or --upstreams FILE.',
  },
} as const;
