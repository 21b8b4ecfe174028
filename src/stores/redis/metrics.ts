import type { DataType } from '../keys.js';
import type { FailureKind } from './failure.js';

/** How an operation ended: `ok`, or the kind of its failure. */
export type Outcome = 'ok' | FailureKind;

/** Where the manager reports to. Labels are operation names and data types, never keys. */
export interface RedisMetrics {
  /** One operation with all of its tries, in milliseconds. */
  operation(name: string, ms: number, outcome: Outcome): void;
  /**
   * A key written that this worker has not written lately. An estimate: Redis does not say whether SET or
   * HSET made a key, and asking would be a second round trip.
   */
  keyCreated(dataType: DataType | 'other'): void;
  /** Highest share of the in-flight bound since the last report, 0 to 1; reported a few times a second. */
  poolUtilisation(ratio: number): void;
  /** A token refresh with its re-authentication of the live connections. */
  credentialRefresh(outcome: 'ok' | 'failed'): void;
  /** Whether operations are being sent at all. */
  stateChange(state: 'up' | 'down'): void;
}

const nothing = (): void => {};

export const NO_METRICS: RedisMetrics = {
  operation: nothing,
  keyCreated: nothing,
  poolUtilisation: nothing,
  credentialRefresh: nothing,
  stateChange: nothing,
};

/** The little that is asked of a logger; pino's fits. */
export interface RedisLogger {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export const NO_LOGGER: RedisLogger = { debug: nothing, warn: nothing };
