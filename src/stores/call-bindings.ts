/**
 * Which call connection a correlation id (the one in the callback and media URLs) belongs to. Known from the claim of
 * the incoming call; where there is none, the first use binds it. Without Redis each worker knows its own first uses.
 */
import { LRUCache } from 'lru-cache';
import { asSafeId } from '../acs/fields.js';
import type { RedisKeyManager } from './keys.js';
import { RedisFailure } from './redis/failure.js';
import type { RedisManager } from './redis/manager.js';

export interface CallBindings {
  /** Whether the call connection is that of the correlation id. */
  fits(correlationId: string, callConnectionId: string): Promise<boolean>;
}

const MOST_KNOWN = 20_000;
const DEADLINE_MS = 60;
/** What a claim holds while there is no call connection yet, or never will be. */
const isCallConnection = (claim: string | null): claim is string =>
  claim !== null && claim !== 'answering' && !claim.startsWith('!') && asSafeId(claim) !== undefined;

export function createCallBindings(redis: RedisManager, keys: RedisKeyManager): CallBindings {
  const known = new LRUCache<string, string>({ max: MOST_KNOWN });
  /** Bound here while Redis was away: asked again when it is back. */
  const alone = new LRUCache<string, string>({ max: MOST_KNOWN });

  const lookUp = async (correlationId: string, callConnectionId: string): Promise<string> => {
    const claimKey = keys.cacheKey('incoming', correlationId);
    const boundKey = keys.cacheKey('bound', correlationId);
    const options = { correlationId, deadlineMs: DEADLINE_MS };
    const claim = await redis.withClient('binding_claim', (client) => client.get(claimKey), {
      ...options,
      key: claimKey,
      safe: true,
    });
    if (isCallConnection(claim)) return claim;
    const bound = await redis.withClient(
      'binding_first',
      async (client) => {
        const [, held] = await Promise.all([
          client.set(boundKey, callConnectionId, 'EX', keys.ttl('tts_cache'), 'NX'),
          client.get(boundKey),
        ]);
        return held;
      },
      { ...options, key: boundKey },
    );
    return bound ?? callConnectionId;
  };

  return {
    async fits(correlationId, callConnectionId) {
      const held = known.get(correlationId);
      if (held !== undefined) return held === callConnectionId;
      try {
        const found = await lookUp(correlationId, callConnectionId);
        known.set(correlationId, found);
        return found === callConnectionId;
      } catch (thrown) {
        if (!(thrown instanceof RedisFailure)) throw thrown;
        const first = alone.get(correlationId);
        if (first === undefined) alone.set(correlationId, callConnectionId);
        return first === undefined || first === callConnectionId;
      }
    },
  };
}
