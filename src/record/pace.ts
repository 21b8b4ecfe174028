/**
 * How many requests may be in flight, adapted to what the store says: additive increase while it answers well,
 * multiplicative decrease on throttling, errors and slow answers. Pure: (state, sample) → state.
 */
export interface Pace {
  readonly limit: number;
  /** Smoothed latency of answers, ms; 0 before the first. */
  readonly latencyMs: number;
  /** No further decrease before this time: one burst of 429 is one signal. */
  readonly holdUntil: number;
  /** Answers that were no answer, in a row. */
  readonly failures: number;
}

export interface PaceLimits {
  readonly min: number;
  readonly max: number;
  readonly initial: number;
  /** Above this smoothed latency (ms) the limit shrinks instead of growing. */
  readonly slowMs: number;
  /** The limit is multiplied by it on a 429. */
  readonly throttleFactor: number;
  /** The limit is multiplied by it where no answer came. */
  readonly errorFactor: number;
  /** Least time between two decreases, ms. */
  readonly holdMs: number;
}

export const PACE_LIMITS: PaceLimits = {
  min: 1,
  max: 64,
  initial: 8,
  slowMs: 250,
  throttleFactor: 0.8,
  errorFactor: 0.5,
  holdMs: 250,
};

export type PaceSample =
  | { readonly kind: 'ok'; readonly latencyMs: number }
  | { readonly kind: 'throttled' }
  | { readonly kind: 'error' };

export function initialPace(limits: PaceLimits = PACE_LIMITS): Pace {
  return { limit: limits.initial, latencyMs: 0, holdUntil: 0, failures: 0 };
}

export function nextPace(
  pace: Pace,
  sample: PaceSample,
  now: number,
  limits: PaceLimits = PACE_LIMITS,
): Pace {
  if (sample.kind === 'ok') {
    const latencyMs = pace.latencyMs === 0 ? sample.latencyMs : pace.latencyMs * 0.9 + sample.latencyMs * 0.1;
    const answered = { ...pace, latencyMs, failures: 0 };
    if (latencyMs > limits.slowMs) return shrink(answered, 0.9, now, limits);
    // One more per round of answers; from the bottom faster, so that an outage's end is felt at once.
    const step = pace.limit < limits.initial ? 1 : 1 / pace.limit;
    return { ...answered, limit: Math.min(limits.max, pace.limit + step) };
  }
  if (sample.kind === 'throttled')
    return shrink({ ...pace, failures: 0 }, limits.throttleFactor, now, limits);
  return shrink({ ...pace, failures: pace.failures + 1 }, limits.errorFactor, now, limits);
}

/** How many may be in flight now. */
export function allowed(pace: Pace): number {
  return Math.floor(pace.limit);
}

function shrink(pace: Pace, factor: number, now: number, limits: PaceLimits): Pace {
  if (now < pace.holdUntil) return pace;
  const hold = Math.max(limits.holdMs, pace.latencyMs);
  return { ...pace, limit: Math.max(limits.min, pace.limit * factor), holdUntil: now + hold };
}

export interface BackoffLimits {
  /** ms before the first repeat. */
  readonly baseMs: number;
  readonly maxMs: number;
}

const BACKOFF_LIMITS: BackoffLimits = { baseMs: 50, maxMs: 5000 };

/**
 * Time until the next try, ms: exponential with full jitter over its upper half, never less than retry-after.
 * @param attempt failed tries so far, from 1
 * @param random 0 ≤ random < 1
 */
export function backoffMs(
  attempt: number,
  random: number,
  retryAfterMs = 0,
  limits: BackoffLimits = BACKOFF_LIMITS,
): number {
  const ceiling = Math.min(limits.maxMs, limits.baseMs * 2 ** Math.min(attempt - 1, 30));
  const wait = ceiling / 2 + (ceiling / 2) * random;
  // Jitter on top of retry-after: all that were throttled together must not return together.
  return retryAfterMs > 0 ? Math.max(retryAfterMs + ceiling * 0.25 * random, wait) : wait;
}
