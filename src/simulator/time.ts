import { setTimeout as delay } from 'node:timers/promises';

/** Waits; returns at once for 0 ms, and false when aborted instead of throwing. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  if (ms <= 0) return true;
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
    return true;
  } catch {
    return false;
  }
}

/** Monotonic ms. */
export function now(): number {
  return performance.now();
}

/** Rounds to a tenth of a millisecond: what figures in answers carry. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
