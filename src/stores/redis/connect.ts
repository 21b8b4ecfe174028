import type { ChainableCommander, RedisCommander } from 'ioredis';
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { DEFAULTS, type RedisSettings, tlsOptions } from './settings.js';

/**
 * What an operation is given: every command of ioredis, of one connection or of a cluster. Without
 * `callBuffer`, which loses the command's name under auto-pipelining; `getBuffer`, `evalshaBuffer` and the
 * like are right.
 */
export interface RedisClient extends Omit<RedisCommander, 'callBuffer'> {
  pipeline(commands?: unknown[][]): ChainableCommander;
  evalshaBuffer(sha: string, keyCount: number, ...operands: (string | number | Buffer)[]): Promise<unknown>;
  evalBuffer(lua: string, keyCount: number, ...operands: (string | number | Buffer)[]): Promise<unknown>;
}

/** ioredis has evalBuffer and evalshaBuffer at run time, but not in its types. */
export function asClient(client: Redis | Cluster): RedisClient {
  return client as unknown as RedisClient;
}

/** The connections of one manager. They reconnect for ever, never resend, and never queue while away. */
export interface RedisLink {
  readonly cluster: boolean;
  /** True while at least one connection can take commands. */
  ready(): boolean;
  /** A ready client for a key; undefined when none is. The same key gets the same connection while it is up. */
  pick(key: string | undefined): RedisClient | undefined;
  /** One ready connection to each server that holds data. */
  nodes(): Redis[];
  /** Every connection that is open now. */
  connections(): Redis[];
  /** User and password for connections opened from now on. */
  setCredentials(username: string | undefined, password: string): void;
  open(): void;
  close(): void;
}

/** Delay before the n-th try to reconnect (ms): doubles from 50 to 1,000, less up to half at random. */
export function reconnectDelay(tries: number): number {
  const full = Math.min(50 * 2 ** Math.min(tries - 1, 10), 1000);
  return Math.round(full * (0.5 + Math.random() / 2));
}

/** Opens nothing yet; `changed` is called when a connection becomes ready or is lost. */
export function createLink(settings: RedisSettings, changed: () => void): RedisLink {
  return settings.mode === 'cluster' ? new ClusterLink(settings, changed) : new PoolLink(settings, changed);
}

// Replies keep RESP2's shapes; ioredis's constructors want that said in the type.
type LegacyOptions = RedisOptions & { replyMapping: 'legacy' };
type LegacyClusterOptions = ClusterOptions & {
  redisOptions: NonNullable<ClusterOptions['redisOptions']> & { replyMapping: 'legacy' };
};

function commonOptions(settings: RedisSettings): LegacyOptions {
  const tls = tlsOptions(settings);
  return {
    // RESP2: the proxies of managed services speak it without exception, and nothing here needs RESP3.
    protocol: 2,
    replyMapping: 'legacy',
    lazyConnect: true,
    connectTimeout: settings.connectTimeoutMs ?? DEFAULTS.connectTimeoutMs,
    socketTimeout: settings.stallMs ?? DEFAULTS.stallMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectionName: settings.connectionName ?? 'rtvoice',
    disableClientInfo: true,
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function poolOptions(settings: RedisSettings): LegacyOptions {
  const common: LegacyOptions = {
    ...commonOptions(settings),
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    retryStrategy: reconnectDelay,
  };
  if (settings.mode === 'plain') {
    return { ...common, host: settings.host ?? DEFAULTS.host, port: settings.port ?? DEFAULTS.port };
  }
  const tls = tlsOptions(settings);
  return {
    ...common,
    sentinels: (settings.sentinels ?? []).map(({ host, port }) => ({ host, port })),
    name: settings.sentinelName ?? '',
    sentinelRetryStrategy: reconnectDelay,
    sentinelCommandTimeout: settings.stallMs ?? DEFAULTS.stallMs,
    // After a planned failover the old master takes writes for ten seconds more, all of them lost.
    failoverDetector: true,
    sentinelReconnectStrategy: () => 10_000,
    // A demoted master keeps its connections open for a moment: leave it, without repeating the command.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...(settings.sentinelPassword === undefined ? {} : { sentinelPassword: settings.sentinelPassword }),
    ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
}

class PoolLink implements RedisLink {
  readonly cluster = false;
  readonly #pool: Redis[];
  #closed = false;

  constructor(settings: RedisSettings, changed: () => void) {
    const options = poolOptions(settings);
    this.#pool = Array.from({ length: settings.poolSize ?? DEFAULTS.poolSize }, () => {
      const redis = new Redis(options);
      // Failures reach callers through their commands; an unheard 'error' event would print.
      redis.on('error', () => {});
      redis.on('ready', changed);
      redis.on('close', changed);
      redis.on('end', () => {
        changed();
        if (!this.#closed) setTimeout(() => this.#connect(redis), reconnectDelay(5)).unref();
      });
      return redis;
    });
  }

  ready(): boolean {
    return this.#pool.some(isReady);
  }

  pick(key: string | undefined): RedisClient | undefined {
    const start = key === undefined ? 0 : spread(key);
    for (let i = 0; i < this.#pool.length; i += 1) {
      const redis = this.#pool[(start + i) % this.#pool.length];
      if (redis !== undefined && isReady(redis)) return asClient(redis);
    }
    return undefined;
  }

  nodes(): Redis[] {
    return this.#pool.filter(isReady).slice(0, 1);
  }

  connections(): Redis[] {
    return this.#pool.filter(isReady);
  }

  setCredentials(username: string | undefined, password: string): void {
    for (const redis of this.#pool) setOptions(redis, username, password);
  }

  open(): void {
    for (const redis of this.#pool) this.#connect(redis);
  }

  close(): void {
    this.#closed = true;
    for (const redis of this.#pool) redis.disconnect();
  }

  #connect(redis: Redis): void {
    if (!this.#closed) redis.connect().catch(() => {});
  }
}

class ClusterLink implements RedisLink {
  readonly cluster = true;
  readonly #client: Cluster;
  #credentials: { username: string | undefined; password: string } | undefined;
  #closed = false;

  constructor(settings: RedisSettings, changed: () => void) {
    const seed = { host: settings.host ?? DEFAULTS.host, port: settings.port ?? DEFAULTS.port };
    this.#client = new Cluster([seed], clusterOptions(settings));
    this.#client.on('error', () => {});
    this.#client.on('ready', changed);
    this.#client.on('close', changed);
    this.#client.on('-node', changed);
    this.#client.on('+node', (redis: Redis) => {
      // A node is made lazily, so this comes before its first AUTH.
      if (this.#credentials) setOptions(redis, this.#credentials.username, this.#credentials.password);
      redis.on('ready', changed);
    });
    this.#client.on('end', () => {
      changed();
      if (!this.#closed) setTimeout(() => this.open(), reconnectDelay(5)).unref();
    });
  }

  ready(): boolean {
    return this.#client.status === 'ready';
  }

  pick(): RedisClient | undefined {
    return this.ready() ? asClient(this.#client) : undefined;
  }

  nodes(): Redis[] {
    return this.ready() ? this.#client.nodes('master') : [];
  }

  connections(): Redis[] {
    return this.#client.nodes('all').filter(isReady);
  }

  setCredentials(username: string | undefined, password: string): void {
    this.#credentials = { username, password };
    for (const redis of this.#client.nodes('all')) setOptions(redis, username, password);
  }

  open(): void {
    if (!this.#closed) this.#client.connect().catch(() => {});
  }

  close(): void {
    this.#closed = true;
    this.#client.disconnect();
  }
}

function clusterOptions(settings: RedisSettings): LegacyClusterOptions {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    // Auto-pipelining would answer a command with another one's redirection while slots move.
    enableAutoPipelining: false,
    clusterRetryStrategy: reconnectDelay,
    slotsRefreshInterval: 2000,
    slotsRefreshTimeout: settings.connectTimeoutMs ?? DEFAULTS.connectTimeoutMs,
    maxRedirections: 4,
    // 0: commands lost with a connection are never sent again behind our back, and a cluster that is down
    // says so instead of holding the command.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 20,
    // TLS certificates name hosts, so addresses are not looked up first.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: commonOptions(settings),
  };
}

function isReady(redis: Redis): boolean {
  return redis.status === 'ready';
}

function setOptions(redis: Redis, username: string | undefined, password: string): void {
  if (username !== undefined) redis.options.username = username;
  redis.options.password = password;
}

/** FNV-1a over a key's characters: the same key keeps to one connection, so its commands keep their order. */
function spread(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
