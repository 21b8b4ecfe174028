/** Codes of the Redis client, with causes and cures, for docs/errors.md. */
import type { ErrorCode, ErrorEntry } from '../../errors.js';

/** What an operation fails with, besides the RTV_REDIS_REFUSED of the worker's own table. */
export const REDIS_FAILURES = {
  RTV_REDIS_DEADLINE: {
    cause: 'Redis did not answer within REDIS_DEADLINE_MS; whether the command took place is unknown.',
    cure: 'The write is found out by reading. If it lasts: docs/runbooks/redis.md.',
  },
  RTV_REDIS_CONNECTION_LOST: {
    cause: 'The connection broke while an answer was owed; whether the command took place is unknown.',
    cure: 'The client reconnects by itself and finds out by reading. If it lasts: docs/runbooks/redis.md.',
  },
  RTV_REDIS_NOT_CONNECTED: {
    cause: 'There is no connection to Redis; nothing was sent.',
    cure: 'Check REDIS_HOST, REDIS_PORT, REDIS_SSL and the network; the client goes on trying.',
  },
  RTV_REDIS_POOL_EXHAUSTED: {
    cause: 'As many operations as are allowed (1024) are in flight; nothing was sent.',
    cure: 'Redis is slow or the load too high for this worker: docs/runbooks/redis.md.',
  },
  RTV_REDIS_BREAKER_OPEN: {
    cause: 'Redis was silent several times in a row, so nothing is sent until a probe is answered.',
    cure: 'Bring Redis back: docs/runbooks/redis.md. Probes go on, and the breaker closes by itself.',
  },
  RTV_REDIS_CLOSED: {
    cause: 'The Redis client of this worker was closed, as at shutdown.',
    cure: 'Nothing to do.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type RedisFailureCode = keyof typeof REDIS_FAILURES | Extract<ErrorCode, 'RTV_REDIS_REFUSED'>;

/** Those, and what goes wrong around operations. */
export const REDIS_ERRORS = {
  ...REDIS_FAILURES,
  RTV_REDIS_VALUE_UNREADABLE: {
    cause: 'A stored value is not what was asked for, such as text that is no JSON.',
    cure: 'It is left where it is: find out who wrote it.',
  },
  RTV_REDIS_SETTINGS_INVALID: {
    cause: 'Settings of the Redis client contradict each other, or one is missing.',
    cure: 'The message names it: docs/settings.md says which go together.',
  },
  RTV_REDIS_TOKEN_REFRESH_FAILED: {
    cause: 'No new Entra ID token for Redis could be had, or a connection refused it.',
    cure: 'It is tried again; the old token serves until it ends. Check the managed identity and its access policy.',
  },
} as const satisfies Record<string, ErrorEntry>;
