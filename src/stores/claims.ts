/** Claims of incoming calls in Redis, by correlation id: `…:cache:incoming:{correlationId}`. */
import type { Claims } from '../acs/answering.js';
import type { RedisKeyManager } from './keys.js';
import { RedisFailure } from './redis/failure.js';
import type { RedisManager } from './redis/manager.js';

/** A worker that claimed a call and fell silent is given up after this long, ms. Above ACS's answer deadline. */
const LEASE_MS = 15_000;
const ANSWERING = 'answering';

export function createClaims(redis: RedisManager, keys: RedisKeyManager): Claims {
  const key = (correlationId: string): string => keys.cacheKey('incoming', correlationId);
  const quiet = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof RedisFailure)) throw thrown;
    }
  };
  return {
    async claim(correlationId) {
      try {
        const won = await redis.withClient(
          'claim_incoming',
          (client) => client.set(key(correlationId), ANSWERING, 'PX', LEASE_MS, 'NX'),
          { correlationId },
        );
        if (won === 'OK') return { kind: 'mine' };
        const held = await redis.withClient('read_claim', (client) => client.get(key(correlationId)), {
          correlationId,
        });
        if (held === null) return { kind: 'mine' };
        return held === ANSWERING ? { kind: 'answering' } : { kind: 'answered', callConnectionId: held };
      } catch (thrown) {
        if (thrown instanceof RedisFailure) return { kind: 'unknown' };
        throw thrown;
      }
    },
    answered: (correlationId, callConnectionId) =>
      quiet(() =>
        redis.withClient(
          'keep_claim',
          // Event Grid tries for up to 24 h; so long the answer must be known.
          (client) => client.set(key(correlationId), callConnectionId, 'EX', keys.ttl('tts_cache')),
          { correlationId },
        ),
      ),
    release: (correlationId) => quiet(() => redis.delete(key(correlationId), { correlationId })),
  };
}
