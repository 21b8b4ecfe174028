import { type Clock, systemClock } from './clock.js';
import { backoffMs } from './pace.js';
import { applyCall, type CallFacts, type Profile, parseProfile } from './profile.js';
import { failureCode, type RecordContainer, RecordError, type RecordItem } from './record-port.js';

export interface ProfileStoreOptions {
  readonly container: RecordContainer;
  /** Tries of one update. Default 8. */
  readonly tries?: number;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/** Callers' profiles, changed under their ETag: two workers that change one at once both count. */
export class ProfileStore {
  readonly #container: RecordContainer;
  readonly #tries: number;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(options: ProfileStoreOptions) {
    this.#container = options.container;
    this.#tries = options.tries ?? 8;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /**
   * @returns undefined for a caller without a profile
   * @throws RecordError when it cannot be read: that is not the same as absent
   */
  async get(subjectId: string): Promise<Profile | undefined> {
    return (await this.#read(subjectId)).profile;
  }

  /** Adds a call; once, however often it is told. @throws RecordError when it cannot be written */
  async recordCall(call: CallFacts): Promise<Profile> {
    return this.update(call.subjectId, (profile) => applyCall(profile, call));
  }

  /**
   * Changes a profile. `change` must be pure: it runs again on the newer state when another writer was faster;
   * when it answers the profile it was given, nothing is written.
   * @throws RecordError when it cannot be written within the tries
   */
  async update(subjectId: string, change: (profile: Profile | undefined) => Profile): Promise<Profile> {
    let code = 'contended';
    for (let attempt = 1; attempt <= this.#tries; attempt++) {
      const { profile, etag } = await this.#read(subjectId);
      const next = change(profile);
      if (next === profile) return next;
      const item = next as unknown as RecordItem;
      const outcome =
        etag === undefined
          ? await this.#container.create(subjectId, item)
          : await this.#container.replace(subjectId, item, etag);
      if (outcome.kind === 'created' || outcome.kind === 'replaced') return next;
      let retryAfterMs = 0;
      if (outcome.kind !== 'exists' && outcome.kind !== 'changed') {
        code = failureCode(outcome);
        if (outcome.kind === 'refused') break;
        // After `unknown` the next read tells whether it was written: `change` is then given its own result.
        if (outcome.kind === 'throttled') retryAfterMs = outcome.retryAfterMs ?? 0;
      }
      await this.#pause(backoffMs(attempt, this.#random(), retryAfterMs, { baseMs: 20, maxMs: 1000 }));
    }
    throw new RecordError('a profile cannot be written', code);
  }

  async #read(subjectId: string): Promise<{ profile?: Profile; etag?: string }> {
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#container.read(subjectId, subjectId);
      if (outcome.kind === 'absent') return {};
      if (outcome.kind === 'found') {
        const profile = parseProfile(outcome.item);
        if (profile === undefined) throw new RecordError('a profile cannot be read', 'unreadable');
        return { profile, etag: outcome.etag };
      }
      if (outcome.kind === 'refused' || attempt >= this.#tries) {
        throw new RecordError('a profile cannot be read', failureCode(outcome));
      }
      const retryAfterMs = outcome.kind === 'throttled' ? (outcome.retryAfterMs ?? 0) : 0;
      await this.#pause(backoffMs(attempt, this.#random(), retryAfterMs, { baseMs: 20, maxMs: 1000 }));
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }
}
