import type { RedisClient } from './connect.js';
import type { GuardedOptions } from './guard.js';
import { evaluate, type ScriptArgument, type ScriptDefinition } from './scripts.js';
import type { OperationOptions } from './settings.js';

/** Options of a write that gives its key a time to live. */
export interface TtlOptions extends OperationOptions {
  /** Seconds, a whole number from 1. */
  readonly ttl: number;
}

/** Options of `set`: a time to live in seconds or milliseconds, and whether an existing key is left alone. */
export interface SetOptions extends OperationOptions {
  readonly ttl?: number;
  readonly ttlMs?: number;
  readonly ifAbsent?: boolean;
}

export interface ScriptOptions extends OperationOptions {
  /** Bulk replies as Buffer instead of string. */
  readonly buffers?: boolean;
}

export type Value = string | Buffer;

/** Throws RangeError unless a TTL is a whole number of seconds or milliseconds from 1. */
export function checkTtl(ttl: number): number {
  if (!Number.isSafeInteger(ttl) || ttl < 1) throw new RangeError('a TTL is a whole number from 1');
  return ttl;
}

/** The commands on strings, hashes, sets and sorted sets, each through `run`. Keys come from a key manager. */
export abstract class RedisCommands {
  /** Sends an operation; RedisFailure when it fails. */
  protected abstract run<T>(
    operation: string,
    send: (client: RedisClient) => Promise<T>,
    options: GuardedOptions,
  ): Promise<T>;

  /** Sends a write and notes its key as written. */
  protected abstract write<T>(
    operation: string,
    key: string,
    send: (client: RedisClient) => Promise<T>,
    options: GuardedOptions,
  ): Promise<T>;

  /**
   * SET; true when the value was written, false when `ifAbsent` found the key taken. With `ifAbsent` it is
   * not repeated by itself: after a lost reply "taken" could be our own.
   */
  async set(key: string, value: Value, options: SetOptions): Promise<boolean> {
    const args: (string | number)[] = [];
    if (options.ttl !== undefined) args.push('EX', checkTtl(options.ttl));
    else if (options.ttlMs !== undefined) args.push('PX', checkTtl(options.ttlMs));
    if (options.ifAbsent) args.push('NX');
    const safe = !options.ifAbsent;
    const reply = await this.write('set', key, (c) => c.call('set', key, value, ...args), {
      ...options,
      safe,
    });
    return reply === 'OK';
  }

  /** GET; undefined when the key is not there. */
  async get(key: string, options: OperationOptions = {}): Promise<string | undefined> {
    return (await this.#read('get', key, (c) => c.get(key), options)) ?? undefined;
  }

  /** EXPIRE in seconds; false when the key is not there. */
  async expire(key: string, seconds: number, options: OperationOptions = {}): Promise<boolean> {
    checkTtl(seconds);
    return (await this.run('expire', (c) => c.expire(key, seconds), { ...options, key, safe: true })) === 1;
  }

  /** Seconds left; -1 for a key without TTL, -2 for no key. */
  ttl(key: string, options: OperationOptions = {}): Promise<number> {
    return this.#read('ttl', key, (c) => c.ttl(key), options);
  }

  async hget(key: string, field: string, options: OperationOptions = {}): Promise<string | undefined> {
    return (await this.#read('hget', key, (c) => c.hget(key, field), options)) ?? undefined;
  }

  async hgetBuffer(key: string, field: string, options: OperationOptions = {}): Promise<Buffer | undefined> {
    return (await this.#read('hget', key, (c) => c.hgetBuffer(key, field), options)) ?? undefined;
  }

  /** HMGET; undefined for each field that is not there. */
  async hmget(key: string, fields: readonly string[], options: OperationOptions = {}) {
    const values = await this.#read('hmget', key, (c) => c.hmget(key, ...fields), options);
    return values.map((value) => value ?? undefined);
  }

  /** All fields of a hash, empty when there is none. Bound what you store: for long hashes take `hscan`. */
  hgetall(key: string, options: OperationOptions = {}): Promise<Record<string, string>> {
    return this.#read('hgetall', key, (c) => c.hgetall(key), options);
  }

  hgetallBuffer(key: string, options: OperationOptions = {}): Promise<Record<string, Buffer>> {
    return this.#read('hgetall', key, (c) => c.hgetallBuffer(key), options);
  }

  hlen(key: string, options: OperationOptions = {}): Promise<number> {
    return this.#read('hlen', key, (c) => c.hlen(key), options);
  }

  /** HSET; the number of fields that are new. Gives no TTL: scripts and batches set value and TTL at once. */
  hset(key: string, fields: Readonly<Record<string, Value | number>>, options: OperationOptions = {}) {
    return this.write('hset', key, (c) => c.hset(key, { ...fields }), { ...options, safe: true });
  }

  hdel(key: string, fields: readonly string[], options: OperationOptions = {}): Promise<number> {
    return this.run('hdel', (c) => c.hdel(key, ...fields), { ...options, key, safe: true });
  }

  /** ZADD; the number of members that are new. */
  zadd(
    key: string,
    members: readonly (readonly [score: number, member: string])[],
    options: OperationOptions = {},
  ) {
    const flat = members.flat();
    return this.write('zadd', key, async (c) => Number(await c.zadd(key, ...flat)), {
      ...options,
      safe: true,
    });
  }

  zrem(key: string, members: readonly string[], options: OperationOptions = {}): Promise<number> {
    return this.run('zrem', (c) => c.zrem(key, ...members), { ...options, key, safe: true });
  }

  /** The score of a member; undefined when it is not in the set. */
  async zscore(key: string, member: string, options: OperationOptions = {}): Promise<number | undefined> {
    const score = await this.#read('zscore', key, (c) => c.zscore(key, member), options);
    return score === null ? undefined : Number(score);
  }

  /** Members with `min` ≤ score ≤ `max` in order of score, at most `limit` (1,000 by default). */
  zrangeByScore(key: string, min: number, max: number, options: OperationOptions & { limit?: number } = {}) {
    const bound = (n: number): string => (Number.isFinite(n) ? String(n) : n > 0 ? '+inf' : '-inf');
    const send = (c: RedisClient) =>
      c.zrangebyscore(key, bound(min), bound(max), 'LIMIT', 0, options.limit ?? 1000);
    return this.#read('zrangebyscore', key, send, options);
  }

  sadd(key: string, members: readonly string[], options: OperationOptions = {}): Promise<number> {
    return this.write('sadd', key, (c) => c.sadd(key, ...members), { ...options, safe: true });
  }

  srem(key: string, members: readonly string[], options: OperationOptions = {}): Promise<number> {
    return this.run('srem', (c) => c.srem(key, ...members), { ...options, key, safe: true });
  }

  smembers(key: string, options: OperationOptions = {}): Promise<string[]> {
    return this.#read('smembers', key, (c) => c.smembers(key), options);
  }

  /** Runs a script by its SHA-1. In a cluster all keys share a hash tag. The first key is the audited one. */
  script(
    definition: ScriptDefinition,
    keys: readonly string[],
    args: readonly ScriptArgument[] = [],
    options: ScriptOptions = {},
  ): Promise<unknown> {
    const send = (c: RedisClient) => evaluate(c, definition, keys, args, options.buffers ?? false);
    const [key] = keys;
    const guarded: GuardedOptions = { ...options, safe: definition.safe };
    return key === undefined
      ? this.run(definition.name, send, guarded)
      : this.write(definition.name, key, send, guarded);
  }

  #read<T>(operation: string, key: string, send: (c: RedisClient) => Promise<T>, options: OperationOptions) {
    return this.run(operation, send, { ...options, key, safe: true });
  }
}
