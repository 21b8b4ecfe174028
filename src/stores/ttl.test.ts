import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RedisKeyManager } from './keys.js';
import { FIXED_TTL_SECONDS, isTtlPolicy, TTL_POLICIES, type TtlPolicy, ttlSeconds } from './ttl.js';

const POLICIES = Object.keys(TTL_POLICIES).filter(isTtlPolicy);

describe('TTL policies', () => {
  test('are those of the data architecture, in seconds', () => {
    expect(TTL_POLICIES).toEqual({
      conversation_context: 1800,
      session_history: 7200,
      authentication_state: 900,
      tts_cache: 86_400,
      call_summary: 604_800,
    });
    expect(FIXED_TTL_SECONDS.heartbeat).toBe(3);
  });

  test('follow the multiplier of production and development', () => {
    expect(ttlSeconds('conversation_context', 2)).toBe(3600);
    expect(ttlSeconds('authentication_state', 0.5)).toBe(450);
    expect(new RedisKeyManager({ environment: 'prod', ttlMultiplier: 2 }).ttl('tts_cache')).toBe(172_800);
    expect(ttlSeconds('call_summary')).toBe(604_800);
  });

  test('are whole seconds from 1, in proportion, for any multiplier in bounds', () => {
    const multiplier = fc.double({ min: 0, max: 100, minExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom(...POLICIES), multiplier, (policy, by) => {
        const seconds = ttlSeconds(policy, by);
        expect(Number.isSafeInteger(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(1);
        expect(Math.abs(seconds - Math.max(1, TTL_POLICIES[policy] * by))).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  test('refuse multipliers out of bounds and policies that do not exist', () => {
    for (const by of [0, -1, 100.001, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => ttlSeconds('tts_cache', by)).toThrow(
        expect.objectContaining({ code: 'RTV_TTL_MULTIPLIER_INVALID' }),
      );
      expect(() => new RedisKeyManager({ environment: 'dev', ttlMultiplier: by })).toThrow();
    }
    expect(() => ttlSeconds('toString' as TtlPolicy)).toThrow(
      expect.objectContaining({ code: 'RTV_TTL_POLICY_UNKNOWN' }),
    );
  });
});
