/**
 * Used tokens, shared by all workers: `…:cache:token:{digest}` holds what a token was used for first, until the token
 * ends. Asked with a short deadline, since an answer to ACS waits for it; without Redis each worker knows its own uses.
 */
import { digest, LocalSeenTokens, type SeenTokens, type TokenUse } from '../acs/auth/seen-tokens.js';
import type { RedisKeyManager } from './keys.js';
import { RedisFailure } from './redis/failure.js';
import type { RedisManager } from './redis/manager.js';

/** ms; above it the local memory has to do. */
const DEADLINE_MS = 60;
/** Tokens live five minutes: what claims to live longer is not remembered longer, ms. */
const MAX_LIFE_MS = 3_600_000;

export class SharedSeenTokens implements SeenTokens {
  readonly #redis: RedisManager;
  readonly #keys: RedisKeyManager;
  readonly #local: LocalSeenTokens;
  readonly #alone: () => void;

  /** @param alone called when Redis could not be asked. */
  constructor(redis: RedisManager, keys: RedisKeyManager, alone: () => void = () => undefined) {
    this.#redis = redis;
    this.#keys = keys;
    this.#local = new LocalSeenTokens();
    this.#alone = alone;
  }

  async use(token: string, purpose: string, expMs: number): Promise<TokenUse> {
    const here = this.#local.use(token, purpose, expMs);
    if (here !== 'new') return here;
    const key = this.#keys.cacheKey('token', digest(token));
    const mine = digest(purpose);
    const lifeMs = Math.min(MAX_LIFE_MS, Math.max(1, Math.ceil(expMs - Date.now())));
    try {
      // One script-free round trip: both commands are answered in order on one connection.
      const held = await this.#redis.withClient(
        'token_use',
        async (client) => {
          const [, found] = await Promise.all([client.set(key, mine, 'PX', lifeMs, 'NX'), client.get(key)]);
          return found;
        },
        { key, deadlineMs: DEADLINE_MS },
      );
      // What an earlier use of this very process wrote cannot be told from this one: the local memory did.
      if (held === null || held === mine) return 'new';
      return 'other';
    } catch (thrown) {
      if (!(thrown instanceof RedisFailure)) throw thrown;
      this.#alone();
      return 'new';
    }
  }
}
