import type { ConnectionOptions } from 'node:tls';
import type { RedisKeyManager } from '../keys.js';
import type { RedisLogger, RedisMetrics } from './metrics.js';

/** What @azure/identity's credentials offer; structural, so that any token source fits. */
export interface TokenSource {
  getToken(
    scopes: string | string[],
    options?: { abortSignal?: AbortSignal },
  ): Promise<{ token: string; expiresOnTimestamp: number } | null>;
}

/** Entra ID instead of a password. */
export interface EntraSettings {
  readonly credential: TokenSource;
  /** Redis user; by default the token's `oid` claim. */
  readonly objectId?: string;
  readonly scope?: string;
  /** A token is replaced this long before it expires (ms), at least; 3 minutes by default. */
  readonly refreshMarginMs?: number;
  /** Added to the margin, at random between 0 and this (ms), so that workers do not refresh together. */
  readonly refreshJitterMs?: number;
}

/** TLS of the connections; 1.2 is the least that is spoken. */
export interface TlsSettings {
  /** PEM of the CA to trust instead of the system's. */
  readonly ca?: string | Buffer;
  /** Name to check the certificate against, when it is not `host`. */
  readonly servername?: string;
}

export interface RedisEndpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * How Redis is reached. `plain` is one endpoint: a server, or the proxy of Azure Managed Redis's Enterprise
 * policy. `cluster` is the OSS cluster protocol, `host` and `port` being a seed.
 */
export interface RedisSettings {
  readonly mode: 'plain' | 'cluster' | 'sentinel';
  readonly host?: string;
  readonly port?: number;
  readonly tls?: boolean | TlsSettings;
  readonly username?: string;
  readonly password?: string;
  readonly entra?: EntraSettings;
  readonly sentinels?: readonly RedisEndpoint[];
  readonly sentinelName?: string;
  readonly sentinelPassword?: string;
  /** Connections for commands, 2 by default; a cluster has one a node instead. */
  readonly poolSize?: number;
  /** Operations in flight at once; one more is refused as unavailable. 1,024 by default. */
  readonly maxInFlight?: number;
  /** Longest an operation may take with all of its tries (ms), 250 by default. */
  readonly deadlineMs?: number;
  /** Longest a connection may take to open (ms), 2,000 by default. */
  readonly connectTimeoutMs?: number;
  /** A connection that owes an answer and is silent for this long is closed (ms), 1,000 by default. */
  readonly stallMs?: number;
  /** A PING goes out when nothing was heard for this long (ms), 500 by default. */
  readonly probeMs?: number;
  /** Failures in a row that open the breaker, 5 by default. */
  readonly breakerThreshold?: number;
  /** Name the server shows in CLIENT LIST. */
  readonly connectionName?: string;
}

export interface RedisManagerOptions {
  readonly redis: RedisSettings;
  readonly keys: RedisKeyManager;
  readonly metrics?: Partial<RedisMetrics>;
  readonly logger?: RedisLogger;
  /** Records kept of the last operations, 4,096 by default. */
  readonly auditCapacity?: number;
}

/** What can be said of any one operation. */
export interface OperationOptions {
  readonly correlationId?: string;
  /** Overrides the manager's deadline (ms). */
  readonly deadlineMs?: number;
}

/** Settings that contradict each other. */
export class RedisSettingsError extends Error {
  readonly code = 'RTV_REDIS_SETTINGS_INVALID';

  constructor(message: string) {
    super(message);
    this.name = 'RedisSettingsError';
  }
}

export const DEFAULTS = {
  host: '127.0.0.1',
  port: 6379,
  poolSize: 2,
  maxInFlight: 1024,
  deadlineMs: 250,
  connectTimeoutMs: 2000,
  stallMs: 1000,
  probeMs: 500,
  breakerThreshold: 5,
  scope: 'https://redis.azure.com/.default',
  refreshMarginMs: 3 * 60_000,
  refreshJitterMs: 2 * 60_000,
} as const;

/** Throws RedisSettingsError for settings that cannot work. */
export function checkSettings(settings: RedisSettings): void {
  const fail = (message: string): never => {
    throw new RedisSettingsError(message);
  };
  if (settings.mode === 'sentinel' && (!settings.sentinels?.length || !settings.sentinelName)) {
    fail('sentinel mode needs sentinels and sentinelName');
  }
  if (settings.entra && settings.password !== undefined) fail('give either a password or entra, not both');
  if (settings.entra && !settings.tls && !isLoopback(settings.host)) fail('entra tokens need tls');
  for (const name of ['poolSize', 'maxInFlight', 'breakerThreshold'] as const) {
    const value = settings[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      fail(`${name} is a whole number from 1`);
  }
  for (const name of ['deadlineMs', 'connectTimeoutMs', 'stallMs', 'probeMs'] as const) {
    const value = settings[name];
    if (value !== undefined && !(value >= 1 && value <= 600_000)) fail(`${name} is between 1 and 600000 ms`);
  }
}

/** TLS options for a socket, or undefined without TLS. */
export function tlsOptions(settings: RedisSettings): ConnectionOptions | undefined {
  if (!settings.tls) return undefined;
  const given = settings.tls === true ? {} : settings.tls;
  return {
    minVersion: 'TLSv1.2',
    ...(given.ca === undefined ? {} : { ca: given.ca }),
    ...(given.servername === undefined ? {} : { servername: given.servername }),
  };
}

function isLoopback(host: string | undefined): boolean {
  return host === undefined || host === 'localhost' || host === '::1' || host.startsWith('127.');
}
