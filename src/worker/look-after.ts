/**
 * Whether the media worker of a call lives, asked by the call's owner: a worker that died unnoticed is found out in
 * this way. As sweeps do (design §4 rule 9), it doubts itself: where Redis took no beats lately, from this worker as
 * from all the others, a beat that is missing says nothing.
 */
import { LAPSE_MS } from './vigil.js';

export interface LookAfterParts {
  /** Whether a worker, by the id of its life, beats as far as Redis knows. */
  isBeating(workerId: string): Promise<boolean>;
  /** Monotonic ms since when Redis was in touch without a break; undefined while it is not. */
  unbrokenSince(): number | undefined;
  /** The call's actor is told that its audio is with nobody. */
  lost(callId: string, workerId: string, mediaEpoch: number, silentMs: number): Promise<unknown>;
  /** Between the two looks that it takes, ms. */
  readonly secondLookMs?: number;
}

/** Several beats of a worker: a Redis that lost its keys gets them again within this time, ms. */
const SECOND_LOOK_MS = 2_500;

/** The result resolves to whether the actor was told. It throws what Redis throws: nothing is known of anybody then. */
export function createLookAfter(parts: LookAfterParts) {
  const { secondLookMs = SECOND_LOOK_MS } = parts;
  const isGone = async (workerId: string): Promise<boolean> => {
    if (await parts.isBeating(workerId)) return false;
    const since = parts.unbrokenSince();
    return since !== undefined && performance.now() - since >= 2 * LAPSE_MS;
  };
  return async (callId: string, workerId: string, mediaEpoch: number): Promise<boolean> => {
    if (!(await isGone(workerId))) return false;
    await new Promise((resolve) => setTimeout(resolve, secondLookMs).unref());
    if (!(await isGone(workerId))) return false;
    await parts.lost(callId, workerId, mediaEpoch, secondLookMs);
    return true;
  };
}
