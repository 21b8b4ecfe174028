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
  /** First uses about which Redis is being asked: what comes meanwhile waits for its word. */
  readonly #asking = new Map<string, Promise<TokenUse>>();

  /** @param alone called when Redis could not be asked. */
  constructor(redis: RedisManager, keys: RedisKeyManager, alone: () => void = () => undefined) {
    this.#redis = redis;
    this.#keys = keys;
    this.#local = new LocalSeenTokens();
    this.#alone = alone;
  }

  async use(token: string, purpose: string, expMs: number): Promise<TokenUse> {
    const mine = digest(purpose);
    // No turn of the event loop between the look and the first use: two at once must not both be first.
    const asking = this.#asking.get(token);
    if (asking) await asking;
    const here = this.#local.use(token, mine, expMs);
    if (here !== 'new') return here;
    const asked = this.#ask(token, mine, expMs).finally(() => this.#asking.delete(token));
    this.#asking.set(token, asked);
    return asked;
  }

  async #ask(token: string, mine: string, expMs: number): Promise<TokenUse> {
    const key = this.#keys.cacheKey('token', digest(token));
    const lifeMs = Math.min(MAX_LIFE_MS, Math.max(1, Math.ceil(expMs - Date.now())));
    try {
      // One script-free round trip: both commands are answered in order on one connection.
      const held = await this.#redis.withClient(
        'token_use',
        async (client) => {
          const [, found] = await Promise.all([client.set(key, mine, 'PX', lifeMs, 'NX'), client.get(key)]);
          // Here, so that an answer that is too late for this use counts for the next one.
          if (found !== null && found !== mine) this.#local.correct(token, found);
          return found;
        },
        { key, deadlineMs: DEADLINE_MS },
      );
      return held === null || held === mine ? 'new' : 'other';
    } catch (thrown) {
      if (!(thrown instanceof RedisFailure)) throw thrown;
      this.#alone();
      return 'new';
    }
  }
}
