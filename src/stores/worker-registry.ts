/**
 * Who is there: each worker's heartbeat in Redis, and the marks of those that were taken for dead. A worker that finds
 * its mark was swept: its calls belong to others, it drops them and comes back under a new id.
 */
import { Component, type RedisKeyManager } from './keys.js';
import type { RedisManager } from './redis/manager.js';
import { defineScript } from './redis/scripts.js';
import { FIXED_TTL_SECONDS } from './ttl.js';

/** What a worker says of itself with each beat. */
export interface Beat {
  /** Where other workers reach it. */
  readonly url: string;
  readonly ready: boolean;
  readonly calls: number;
  /** Counts up: a beat that does not change is an old one. */
  readonly number: number;
}

/** A dead worker's mark stands this long, s: longer than any pause a process comes back from. */
const MARK_TTL_S = 3_600;
/** A sweep takes less than this, or its sweeper is dead too, ms. */
const CLAIM_MS = 10_000;

/** KEYS heartbeat, mark. ARGV beat, ttl ms. A marked worker gets no heartbeat. */
const BEAT = defineScript(
  'worker_beat',
  `
if redis.call('EXISTS', KEYS[2]) == 1 then return 'SWEPT' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'OK'
`,
  { safe: true },
);

/**
 * KEYS heartbeat, mark. ARGV the beat that stood still, who sweeps, mark ttl s, claim ms. The mark is a hash: by, at.
 * One sweeper at a time; one that died over it is followed by another when its claim is old.
 */
const MARK = defineScript(
  'worker_mark',
  `
local beat = redis.call('GET', KEYS[1])
if beat and beat ~= ARGV[1] then return 'ALIVE' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claim = redis.call('HMGET', KEYS[2], 'by', 'at')
if claim[1] and claim[1] ~= ARGV[2] and now - tonumber(claim[2]) < tonumber(ARGV[4]) then return 'TAKEN' end
redis.call('HSET', KEYS[2], 'by', ARGV[2], 'at', now)
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('DEL', KEYS[1])
return 'MINE'
`,
  { safe: true },
);

export class WorkerRegistry {
  readonly #redis: RedisManager;
  readonly #keys: RedisKeyManager;
  readonly #workers: string;

  constructor(redis: RedisManager) {
    this.#redis = redis;
    this.#keys = redis.keyManager;
    this.#workers = redis.keyManager.systemKey('workers', 'live');
  }

  /** One beat. `swept`: others took this worker for dead. @throws RedisFailure */
  async beat(workerId: string, beat: Beat): Promise<'ok' | 'swept'> {
    const keys = [this.#keys.workerKey(workerId, Component.HEARTBEAT), this.#mark(workerId)];
    const ttlMs = FIXED_TTL_SECONDS.heartbeat * 1_000;
    const answer = await this.#redis.script(BEAT, keys, [JSON.stringify(beat), ttlMs]);
    return answer === 'SWEPT' ? 'swept' : 'ok';
  }

  /** Makes a worker known; called once a life and again now and then, since Redis may forget. */
  async enlist(workerId: string): Promise<void> {
    await this.#redis.withClient('worker_enlist', (client) =>
      client.zadd(this.#workers, Date.now(), workerId),
    );
  }

  /** Takes a worker off the list: it ended in good order, or was swept. */
  async strike(workerId: string): Promise<void> {
    await this.#redis.withClient('worker_strike', (client) => client.zrem(this.#workers, workerId));
    await this.#redis.delete(this.#keys.workerKey(workerId, Component.HEARTBEAT));
  }

  /** All known workers with the raw text of their beat; undefined where there is none any more. */
  async beats(): Promise<ReadonlyMap<string, string | undefined>> {
    const ids = await this.#redis.withClient('worker_list', (client) =>
      client.zrange(this.#workers, 0, '-1'),
    );
    const beats = await Promise.all(
      ids.map((id) =>
        this.#redis.withClient('worker_read', (client) =>
          client.get(this.#keys.workerKey(id, Component.HEARTBEAT)),
        ),
      ),
    );
    return new Map(ids.map((id, index) => [id, beats[index] ?? undefined]));
  }

  /** Marks a worker whose beat stood still at `lastBeat` as dead. `mine`: this sweeper has its calls to see to. */
  async mark(workerId: string, lastBeat: string, sweeper: string): Promise<'mine' | 'taken' | 'alive'> {
    const keys = [this.#keys.workerKey(workerId, Component.HEARTBEAT), this.#mark(workerId)];
    const answer = await this.#redis.script(MARK, keys, [lastBeat, sweeper, MARK_TTL_S, CLAIM_MS]);
    if (answer === 'MINE') return 'mine';
    return answer === 'ALIVE' ? 'alive' : 'taken';
  }

  /** Whether it beats now, as far as Redis knows. @throws RedisFailure */
  async isBeating(workerId: string): Promise<boolean> {
    const key = this.#keys.workerKey(workerId, Component.HEARTBEAT);
    return (await this.#redis.withClient('worker_read', (client) => client.exists(key))) === 1;
  }

  /** Calls (and transcription sockets) that the worker had. */
  affinity(workerId: string): Promise<string[]> {
    const key = this.#keys.workerKey(workerId, Component.AFFINITY);
    return this.#redis.withClient('affinity_read', (client) => client.smembers(key));
  }

  async forgetAffinity(workerId: string): Promise<void> {
    await this.#redis.delete(this.#keys.workerKey(workerId, Component.AFFINITY));
  }

  #mark(workerId: string): string {
    return this.#keys.workerKey(workerId, Component.HEALTH);
  }
}
