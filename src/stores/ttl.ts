import type { TtlErrorCode } from './errors.js';

/**
 * Seconds a key of each class lives before TTL_MULTIPLIER. The names are those of the data architecture,
 * settings and reports use them as they stand.
 */
export const TTL_POLICIES = {
  conversation_context: 30 * 60,
  session_history: 2 * 60 * 60,
  authentication_state: 15 * 60,
  tts_cache: 24 * 60 * 60,
  call_summary: 7 * 24 * 60 * 60,
} as const;

export type TtlPolicy = keyof typeof TTL_POLICIES;

/**
 * Seconds that are never multiplied: they are measured against clocks of other workers, not against how long
 * data is wanted. Affinity outlives the heartbeat by far, it is the evidence of whose calls a dead worker held.
 */
export const FIXED_TTL_SECONDS = { heartbeat: 3, affinity: 60 * 60 } as const;

/** Highest TTL_MULTIPLIER accepted. */
export const MAX_TTL_MULTIPLIER = 100;

/** A TTL_MULTIPLIER out of bounds, or a policy that does not exist. */
export class TtlError extends Error {
  constructor(
    readonly code: TtlErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'TtlError';
  }
}

/** True for the name of one of TTL_POLICIES. */
export function isTtlPolicy(name: string): name is TtlPolicy {
  return Object.hasOwn(TTL_POLICIES, name);
}

/** Returns the multiplier, or throws RTV_TTL_MULTIPLIER_INVALID unless 0 < multiplier ≤ 100. */
export function checkTtlMultiplier(multiplier: number): number {
  if (!(multiplier > 0 && multiplier <= MAX_TTL_MULTIPLIER)) {
    throw new TtlError(
      'RTV_TTL_MULTIPLIER_INVALID',
      `TTL_MULTIPLIER must be above 0 and at most ${MAX_TTL_MULTIPLIER}`,
    );
  }
  return multiplier;
}

/** Whole seconds of a policy under a multiplier, never below 1: Redis refuses a TTL of 0. */
export function ttlSeconds(policy: TtlPolicy, multiplier = 1): number {
  if (!isTtlPolicy(policy)) throw new TtlError('RTV_TTL_POLICY_UNKNOWN', 'no such TTL policy');
  return Math.max(1, Math.round(TTL_POLICIES[policy] * checkTtlMultiplier(multiplier)));
}
