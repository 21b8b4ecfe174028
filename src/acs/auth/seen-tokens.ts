import { createHash } from 'node:crypto';

/**
 * What a token was used for first. `same`: used again for the same thing (a redelivery); `other`: for
 * another thing (a replay).
 */
export type TokenUse = 'new' | 'same' | 'other';

/** Memory of used tokens. A deployment may share one between workers; the local one knows its own only. */
export interface SeenTokens {
  /**
   * @param purpose what it is used for: a body's hash, a call.
   * @param expMs Unix ms until which the use must be remembered.
   */
  use(token: string, purpose: string, expMs: number): TokenUse | Promise<TokenUse>;
}

interface Seen {
  readonly purpose: string;
  readonly expMs: number;
}

/** SHA-256, base64url. */
export const digest = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('base64url');

/**
 * Remembers uses in this process until the token ends, hashes only. With more than `limit` tokens the
 * oldest is forgotten: 5 minutes of 200 events a second are 60,000.
 */
export class LocalSeenTokens implements SeenTokens {
  readonly #seen = new Map<string, Seen>();
  readonly #limit: number;
  readonly #now: () => number;
  #evicted = 0;

  constructor(limit = 100_000, now: () => number = Date.now) {
    this.#limit = Math.max(1, limit);
    this.#now = now;
  }

  get size(): number {
    return this.#seen.size;
  }

  /** Tokens that were forgotten while they were still valid. Above 0 the limit is too low. */
  get evicted(): number {
    return this.#evicted;
  }

  use(token: string, purpose: string, expMs: number): TokenUse {
    const now = this.#now();
    this.#forgetEnded(now);
    const key = digest(token);
    const seen = this.#seen.get(key);
    if (seen && seen.expMs > now) return seen.purpose === purpose ? 'same' : 'other';
    this.#seen.delete(key);
    if (this.#seen.size >= this.#limit) {
      const oldest = this.#seen.keys().next();
      if (!oldest.done) this.#seen.delete(oldest.value);
      this.#evicted += 1;
    }
    this.#seen.set(key, { purpose, expMs });
    return 'new';
  }

  /** What the token was used for first, elsewhere: counts from here on. */
  correct(token: string, purpose: string): void {
    const seen = this.#seen.get(digest(token));
    if (seen) this.#seen.set(digest(token), { purpose, expMs: seen.expMs });
  }

  /** Tokens live equally long, so the order of insertion is that of their end; a few at a time. */
  #forgetEnded(now: number): void {
    let left = 64;
    for (const [key, seen] of this.#seen) {
      if (seen.expMs > now || left === 0) return;
      this.#seen.delete(key);
      left -= 1;
    }
  }
}
