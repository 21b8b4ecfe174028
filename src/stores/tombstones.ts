/**
 * Where tombstones stand: in Cosmos DB for good, beside the caller's profile, and in Redis, where every worker sees
 * them within a second. Redis: a sorted set of subjects by the time of their erasure, as long as anything of a call
 * may lie in Redis.
 */
import { TOMBSTONE_SETTLES_MS, type Tombstone } from '../privacy/tombstone.js';
import { failureCode, type RecordContainer, RecordError } from '../record/record-port.js';
import type { RedisManager } from './redis/manager.js';
import { defineScript } from './redis/scripts.js';

/** KEYS tombstones. ARGV subject, time, oldest that is kept, ttl s. The later time counts. */
const RAISE = defineScript(
  'tombstone_raise',
  `
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
`,
  { safe: true },
);

const SCHEMA = 1;
const KIND = 'tombstone';
/** Tombstones read from Redis at once. */
export const TOMBSTONES_PAGE = 1_000;

export class TombstoneStore {
  readonly #redis: RedisManager;
  readonly #profiles: RecordContainer;
  readonly #key: string;

  /** @param profiles the container `profiles` */
  constructor(redis: RedisManager, profiles: RecordContainer) {
    this.#redis = redis;
    this.#profiles = profiles;
    this.#key = redis.keyManager.systemKey('subjects', 'erased');
  }

  /**
   * Raises a tombstone in both tiers, the permanent one first; again is the same.
   * @returns how long to wait, ms, before the caller's key is destroyed and the records are deleted
   * @throws RecordError, RedisFailure: it does not stand everywhere; raise it again
   */
  async raise({ subjectId, erasedAtMs }: Tombstone): Promise<number> {
    const standing = await this.read(subjectId);
    const at = Math.max(erasedAtMs, standing?.erasedAtMs ?? 0);
    const item = { id: idOf(subjectId), subjectId, kind: KIND, erasedAtMs: at, schema: SCHEMA };
    const outcome = await this.#profiles.upsert(subjectId, item);
    if (outcome.kind !== 'written')
      throw new RecordError('a tombstone cannot be written', failureCode(outcome));
    await this.spread({ subjectId, erasedAtMs: at });
    return TOMBSTONE_SETTLES_MS;
  }

  /** Puts a tombstone that stands in Cosmos DB back into Redis. @throws RedisFailure */
  async spread({ subjectId, erasedAtMs }: Tombstone): Promise<void> {
    const keptS = this.#redis.keyManager.ttl('call_summary');
    const oldest = Math.max(0, Date.now() - keptS * 1_000);
    await this.#redis.script(RAISE, [this.#key], [subjectId, erasedAtMs, oldest, keptS]);
  }

  /** The tombstone of a caller in Cosmos DB. @throws RecordError: then nothing is known */
  async read(subjectId: string): Promise<Tombstone | undefined> {
    const outcome = await this.#profiles.read(subjectId, idOf(subjectId));
    if (outcome.kind === 'absent') return undefined;
    if (outcome.kind !== 'found') throw new RecordError('a tombstone cannot be read', failureCode(outcome));
    const { erasedAtMs } = outcome.item;
    // One that cannot be read is one all the same: whatever was begun until now is covered.
    return { subjectId, erasedAtMs: typeof erasedAtMs === 'number' ? erasedAtMs : Date.now() };
  }

  /** Tombstones in Redis raised since, the oldest first, a page of them. @throws RedisFailure */
  async since(erasedAtMs: number): Promise<Tombstone[]> {
    const flat = await this.#redis.withClient(
      'tombstones_read',
      (client) =>
        client.zrange(this.#key, erasedAtMs, '+inf', 'BYSCORE', 'LIMIT', 0, TOMBSTONES_PAGE, 'WITHSCORES'),
      { key: this.#key, safe: true },
    );
    const found: Tombstone[] = [];
    for (let at = 0; at + 1 < flat.length; at += 2)
      found.push({ subjectId: flat[at] ?? '', erasedAtMs: Number(flat[at + 1]) });
    return found;
  }
}

const idOf = (subjectId: string): string => `${subjectId}.tombstone`;
