/**
 * Profiles as calls need them: out of Redis (sealed, with a TTL), else Cosmos, and never later than a deadline. A read
 * that comes too late still fills the cache, for the next who asks.
 */
import type { Logger } from '../ops/log.js';
import type { Seal } from '../privacy/seal.js';
import { type Profile, parseProfile } from '../record/profile.js';
import { Component } from '../stores/keys.js';
import { RedisFailure } from '../stores/redis/failure.js';
import type { RedisManager } from '../stores/redis/manager.js';

export type ProfileSource = 'cache' | 'store' | 'late' | 'failed';

export interface ProfileRead {
  readonly from: ProfileSource;
  /** undefined: the caller has none, or it did not come in time. */
  readonly profile: Profile | undefined;
}

export interface ProfileCacheParts {
  readonly redis: RedisManager;
  readonly seal: Seal;
  /** @throws when it cannot be read; undefined: there is none */
  readonly load: (subjectId: string) => Promise<Profile | undefined>;
  readonly log: Logger;
  measured?(ms: number, from: ProfileSource): void;
}

/** How long a call waits for its caller's profile, ms. */
export const PROFILE_DEADLINE_MS = 150;
/** Reads under way at a time; beyond it a call goes on without. */
const MOST_READS = 500;

export class ProfileCache {
  readonly #parts: ProfileCacheParts;
  readonly #reads = new Map<string, Promise<ProfileRead>>();

  constructor(parts: ProfileCacheParts) {
    this.#parts = parts;
  }

  /** Never throws, never waits longer than the deadline. */
  async read(subjectId: string, deadlineMs = PROFILE_DEADLINE_MS): Promise<ProfileRead> {
    const started = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<ProfileRead>((resolve) => {
      timer = setTimeout(() => resolve({ from: 'late', profile: undefined }), deadlineMs);
    });
    const read = await Promise.race([this.#once(subjectId), deadline]);
    clearTimeout(timer);
    this.#parts.measured?.(performance.now() - started, read.from);
    return read;
  }

  /** Fills the cache ahead of the call's audio. */
  warm(subjectId: string): void {
    void this.#once(subjectId);
  }

  /** The profile was changed: the cache has the new one, or none. */
  async put(profile: Profile): Promise<void> {
    const { redis, log } = this.#parts;
    const key = this.#key(profile.subjectId);
    try {
      await redis.set(key, this.#sealed(profile.subjectId, profile), { ttl: this.#ttl() });
    } catch (thrown) {
      if (!(thrown instanceof RedisFailure)) throw thrown;
      log.warn({ code: thrown.code }, 'the cached profile is not current');
      await redis.delete(key).catch(() => false);
    }
  }

  /** The subject was erased. */
  async forget(subjectId: string): Promise<void> {
    await this.#parts.redis.delete(this.#key(subjectId));
  }

  #once(subjectId: string): Promise<ProfileRead> {
    const running = this.#reads.get(subjectId);
    if (running) return running;
    if (this.#reads.size >= MOST_READS) return Promise.resolve({ from: 'failed', profile: undefined });
    const read = this.#read(subjectId)
      .catch((): ProfileRead => ({ from: 'failed', profile: undefined }))
      .finally(() => this.#reads.delete(subjectId));
    this.#reads.set(subjectId, read);
    return read;
  }

  async #read(subjectId: string): Promise<ProfileRead> {
    const { redis, seal, load } = this.#parts;
    const cached = await redis.get(this.#key(subjectId)).catch(() => undefined);
    if (cached !== undefined) {
      try {
        const value = seal.reveal('profile', subjectId, cached);
        const profile = parseProfile(value);
        if (profile !== undefined || value === null) return { from: 'cache', profile };
      } catch {
        // Of another key or damaged: Cosmos has it, and what is read there takes its place.
        await redis.delete(this.#key(subjectId)).catch(() => false);
      }
    }
    const profile = await load(subjectId);
    // Only where nothing is: an update that was faster than this read is newer.
    const sealed = this.#sealed(subjectId, profile ?? null);
    await redis.set(this.#key(subjectId), sealed, { ttl: this.#ttl(), ifAbsent: true }).catch(() => false);
    return { from: 'store', profile };
  }

  #sealed(subjectId: string, profile: Profile | null): string {
    return this.#parts.seal.protect('profile', subjectId, profile);
  }

  /** `…:cache:{subject}:profile`; the subject is a keyed hash. */
  #key(subjectId: string): string {
    return this.#parts.redis.keyManager.cacheKey(subjectId, Component.PROFILE);
  }

  #ttl(): number {
    return this.#parts.redis.keyManager.ttl('conversation_context');
  }
}
