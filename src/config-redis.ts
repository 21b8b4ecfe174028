/** How Redis is reached: the settings, which of them go together, and what the Redis client makes of them. */
import { readFileSync } from 'node:fs';
import { prettifyError, z } from 'zod';
import { RtvoiceError } from './errors.js';
import type { RedisSettings, TokenSource } from './stores/redis/settings.js';

const flag = z
  .enum(['true', 'false', '1', '0', ''])
  .default('false')
  .transform((value) => value === 'true' || value === '1');
const text = z
  .string()
  .optional()
  .transform((value) => (value ? value : undefined));

const ENDPOINT = /^(?:\[[0-9A-Fa-f:]+\]|[^\s:,[\]]+):(\d{1,5})$/;

/** HOST:PORT, parted by commas; an IPv6 address in brackets. */
const endpoints = z
  .string()
  .optional()
  .transform((value, context) => {
    const items = (value ?? '').split(',').map((item) => item.trim());
    return items
      .filter((item) => item !== '')
      .map((item) => {
        const port = Number(ENDPOINT.exec(item)?.[1]);
        if (!(port >= 1 && port <= 65_535)) context.addIssue('HOST:PORT, parted by commas');
        return { host: item.slice(0, item.lastIndexOf(':')).replace(/^\[|\]$/g, ''), port };
      });
  });

export const redisShape = {
  REDIS_HOST: z.string().min(1),
  REDIS_PORT: z.coerce.number().int().min(1).max(65_535).default(6379),
  REDIS_SSL: flag,
  /** PEM file of the CA to trust instead of the system's. */
  REDIS_CA_FILE: text,
  REDIS_USERNAME: text,
  REDIS_PASSWORD: text,
  /** Entra ID tokens in place of a password. */
  REDIS_ENTRA: flag,
  /** User that the tokens are for; without it their own object id. */
  REDIS_ENTRA_OBJECT_ID: text,
  REDIS_MODE: z.enum(['plain', 'cluster', 'sentinel']).default('plain'),
  REDIS_SENTINELS: endpoints,
  REDIS_SENTINEL_NAME: text,
  REDIS_SENTINEL_PASSWORD: text,
  REDIS_HASH_TAGS: flag,
  REDIS_DEADLINE_MS: z.coerce.number().positive().default(250),
} as const;

const schema = z.object(redisShape);

export type RedisConfig = Readonly<z.output<typeof schema>>;

/** Settings that contradict each other: name and what is wrong. */
export function redisContradictions(chosen: RedisConfig): [name: keyof RedisConfig, message: string][] {
  const found: [keyof RedisConfig, string][] = [];
  if (chosen.REDIS_MODE === 'sentinel') {
    if (chosen.REDIS_SENTINELS.length === 0) found.push(['REDIS_SENTINELS', 'is needed with sentinel']);
    if (!chosen.REDIS_SENTINEL_NAME) found.push(['REDIS_SENTINEL_NAME', 'is needed with sentinel']);
  }
  // The commit script touches two keys of a session: in a cluster they must share a slot.
  if (chosen.REDIS_MODE === 'cluster' && !chosen.REDIS_HASH_TAGS)
    found.push(['REDIS_HASH_TAGS', 'must be true with cluster']);
  if (chosen.REDIS_ENTRA && chosen.REDIS_PASSWORD)
    found.push(['REDIS_PASSWORD', 'and REDIS_ENTRA exclude each other']);
  if (chosen.REDIS_ENTRA && !chosen.REDIS_SSL) found.push(['REDIS_SSL', 'must be true with REDIS_ENTRA']);
  if (chosen.REDIS_CA_FILE && !chosen.REDIS_SSL) found.push(['REDIS_SSL', 'must be true with REDIS_CA_FILE']);
  return found;
}

/**
 * The settings of Redis alone, for commands that need nothing else.
 * @throws RtvoiceError RTV_CONFIG_INVALID, naming every bad setting and never its value
 */
export function readRedisConfig(env: Readonly<Record<string, string | undefined>>): RedisConfig {
  const parsed = checked.safeParse(env);
  if (!parsed.success) throw new RtvoiceError('RTV_CONFIG_INVALID', `\n${prettifyError(parsed.error)}`);
  return parsed.data;
}

const checked = schema.superRefine((settings, context) => {
  for (const [name, message] of redisContradictions(settings))
    context.addIssue({ code: 'custom', path: [name], message });
});

/** @throws what reading REDIS_CA_FILE throws */
export function redisSettings(config: RedisConfig): RedisSettings {
  const { REDIS_ENTRA_OBJECT_ID: objectId, REDIS_SENTINEL_PASSWORD: sentinelPassword } = config;
  return {
    mode: config.REDIS_MODE,
    host: config.REDIS_HOST,
    port: config.REDIS_PORT,
    tls: config.REDIS_SSL && (config.REDIS_CA_FILE ? { ca: readFileSync(config.REDIS_CA_FILE) } : true),
    deadlineMs: config.REDIS_DEADLINE_MS,
    ...(config.REDIS_USERNAME ? { username: config.REDIS_USERNAME } : {}),
    ...(config.REDIS_PASSWORD ? { password: config.REDIS_PASSWORD } : {}),
    ...(config.REDIS_ENTRA
      ? { entra: { credential: entraCredential(), ...(objectId ? { objectId } : {}) } }
      : {}),
    ...(config.REDIS_MODE === 'sentinel'
      ? {
          sentinels: config.REDIS_SENTINELS,
          sentinelName: config.REDIS_SENTINEL_NAME ?? '',
          ...(sentinelPassword ? { sentinelPassword } : {}),
        }
      : {}),
  };
}

/** Loaded with the first token: it costs tens of ms at start. */
function entraCredential(): TokenSource {
  let loading: Promise<TokenSource> | undefined;
  const load = async (): Promise<TokenSource> => {
    const { DefaultAzureCredential } = await import('@azure/identity');
    return new DefaultAzureCredential();
  };
  return {
    async getToken(scopes, options) {
      loading ??= load();
      return (await loading).getToken(scopes, options);
    },
  };
}
