import type { RedisLink } from './connect.js';
import type { RedisLogger, RedisMetrics } from './metrics.js';
import { DEFAULTS, type EntraSettings } from './settings.js';

const TOKEN_TIMEOUT_MS = 10_000;
const AUTH_TIMEOUT_MS = 5_000;
const MIN_RETRY_MS = 200;
const MAX_RETRY_MS = 15_000;
/** Longest delay of one timer (setTimeout overflows above 2^31 - 1 ms). */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A token in use: it is the password of `username`. */
interface ActiveToken {
  readonly username: string;
  readonly token: string;
  readonly expiresAt: number;
}

/** The `oid` claim of a JWT: the object id, which is the Redis user. Undefined for anything else. */
export function objectIdOf(token: string): string | undefined {
  const payload = token.split('.')[1];
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('oid' in claims)) return undefined;
    return typeof claims.oid === 'string' ? claims.oid : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Delay until a token is replaced (ms): margin plus jitter before its end; half of what is left for tokens
 * too short-lived for that.
 */
export function refreshDelay(
  leftMs: number,
  marginMs: number,
  jitterMs: number,
  random = Math.random(),
): number {
  const delay = leftMs - marginMs - jitterMs * random;
  return Math.min(MAX_TIMER_MS, Math.max(MIN_RETRY_MS, delay > 0 ? delay : leftMs / 2));
}

/**
 * Entra ID tokens as Redis passwords. Each new token is given to future connections first, then to each live
 * one with AUTH, since the server ends connections whose token has run out. A refresh that fails is
 * repeated until it succeeds, and counted.
 */
export class EntraCredentials {
  #active: ActiveToken | undefined;
  /** The token that every live connection has accepted. */
  #spread: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshing: Promise<boolean> | undefined;
  #stopped = false;

  constructor(
    private readonly settings: EntraSettings,
    private readonly link: RedisLink,
    private readonly metrics: RedisMetrics,
    private readonly logger: RedisLogger,
  ) {}

  /** Fetches the first token; false when that failed. It goes on in the background either way. */
  start(): Promise<boolean> {
    return this.refresh();
  }

  /** Fetches and spreads a token now. Never rejects. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#refreshOnce().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#refreshing;
  }

  async #refreshOnce(): Promise<boolean> {
    clearTimeout(this.#timer);
    try {
      const next = await this.#fetch();
      this.#active = next;
      this.link.setCredentials(next.username, next.token);
      // The same token again means that its source still has it cached: nothing to spread, ask again soon.
      const cached = this.#spread === next.token;
      if (!cached) await this.#authenticateAll(next);
      this.#spread = next.token;
      this.metrics.credentialRefresh('ok');
      this.#schedule(cached ? this.#retryDelay() : this.#delay(next));
      return true;
    } catch (error) {
      this.metrics.credentialRefresh('failed');
      this.logger.warn(
        { code: 'RTV_REDIS_TOKEN_REFRESH_FAILED', error: error instanceof Error ? error.name : 'unknown' },
        'the Redis token was not refreshed',
      );
      this.#schedule(this.#retryDelay());
      return false;
    }
  }

  async #fetch(): Promise<ActiveToken> {
    const scope = this.settings.scope ?? DEFAULTS.scope;
    const abortSignal = AbortSignal.timeout(TOKEN_TIMEOUT_MS);
    const request = this.settings.credential.getToken(scope, { abortSignal });
    const granted = await within(request, TOKEN_TIMEOUT_MS);
    if (granted === null) throw new Error('the credential gave no token');
    const username = this.settings.objectId ?? objectIdOf(granted.token);
    if (username === undefined) throw new Error('the token names no object id');
    return { username, token: granted.token, expiresAt: granted.expiresOnTimestamp };
  }

  async #authenticateAll({ username, token }: ActiveToken): Promise<void> {
    const auths = this.link.connections().map(async (redis) => {
      try {
        await within(redis.auth(username, token), AUTH_TIMEOUT_MS);
      } catch (error) {
        // A connection that went away meanwhile comes back with the new token by itself.
        if (redis.status === 'ready') throw error;
      }
    });
    await Promise.all(auths);
  }

  #delay(active: ActiveToken): number {
    const margin = this.settings.refreshMarginMs ?? DEFAULTS.refreshMarginMs;
    const jitter = this.settings.refreshJitterMs ?? DEFAULTS.refreshJitterMs;
    return refreshDelay(active.expiresAt - Date.now(), margin, jitter);
  }

  #retryDelay(): number {
    const left = (this.#active?.expiresAt ?? 0) - Date.now();
    const delay = Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, left / 10));
    return delay * (0.75 + Math.random() / 4);
  }

  #schedule(ms: number): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.refresh(), ms);
  }
}

/** The promise's outcome, or an error after `ms`. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
