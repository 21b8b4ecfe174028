/** Claims of incoming calls in Redis, by correlation id: `…:cache:incoming:{correlationId}`. */
import type { Claims } from '../acs/answering.js';
import type { RedisKeyManager } from './keys.js';
import { RedisFailure } from './redis/failure.js';
import type { RedisManager } from './redis/manager.js';

/**
 * A worker that claimed a call and fell silent is given up after this long, ms: above ACS's answer deadline, and below
 * the 10 s after which Event Grid delivers again.
 */
const LEASE_MS = 8_000;
const ANSWERING = 'answering';
/** No call connection id begins so. */
const DECLINED = { rejected: '!rejected', redirected: '!redirected' } as const;

export function createClaims(redis: RedisManager, keys: RedisKeyManager): Claims {
  const key = (correlationId: string): string => keys.cacheKey('incoming', correlationId);
  const quiet = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof RedisFailure)) throw thrown;
    }
  };
  const keep = (correlationId: string, value: string): Promise<void> =>
    quiet(() =>
      redis.withClient(
        'keep_claim',
        // Event Grid tries for up to 24 h; so long the answer must be known.
        (client) => client.set(key(correlationId), value, 'EX', keys.ttl('tts_cache')),
        { correlationId },
      ),
    );
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
        if (held === ANSWERING) return { kind: 'answering' };
        if (held === DECLINED.rejected) return { kind: 'declined', how: 'rejected' };
        if (held === DECLINED.redirected) return { kind: 'declined', how: 'redirected' };
        return { kind: 'answered', callConnectionId: held };
      } catch (thrown) {
        if (thrown instanceof RedisFailure) return { kind: 'unknown' };
        throw thrown;
      }
    },
    answered: (correlationId, callConnectionId) => keep(correlationId, callConnectionId),
    declined: (correlationId, how) => keep(correlationId, DECLINED[how]),
    release: (correlationId) => quiet(() => redis.delete(key(correlationId), { correlationId })),
  };
}
