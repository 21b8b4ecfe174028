/**
 * Every setting of a worker, one schema, all errors at once. Names of the specification first
 * ("Environment Configuration"), then ours. Values come from the environment alone.
 */
import { prettifyError, z } from 'zod';
import { isAnswerPolicy } from './acs/answer-policy.js';
import { redisContradictions, redisShape } from './config-redis.js';
import { RtvoiceError } from './errors.js';
import { ENDPOINT } from './media/endpointing.js';
import { TONES } from './media/tones.js';

const flag = z
  .enum(['true', 'false', '1', '0', ''])
  .default('false')
  .transform((value) => value === 'true' || value === '1');
const port = z.coerce.number().int().min(1).max(65_535);
const positive = z.coerce.number().positive();
const price = z
  .union([z.literal(''), z.coerce.number().min(0).max(1e6)])
  .optional()
  .transform((value) => (value === '' ? undefined : value));
const optionalText = z
  .string()
  .optional()
  .transform((value) => (value ? value : undefined));

const onOrOff = z
  .enum(['on', 'off', ''])
  .optional()
  .transform((value) => value || undefined);
const optionalUrl = z
  .union([z.literal(''), z.url({ protocol: /^https?$/ })])
  .optional()
  .transform((value) => value || undefined);
/** A list parted by commas. */
const items = (value: string | undefined): string[] =>
  (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
const list = z.string().optional().transform(items);
const secrets = list.refine((items) => items.every((item) => item.length >= 16), {
  message: 'each at least 16 characters (openssl rand -hex 24)',
});
const longSecret = optionalText.refine((value) => value === undefined || value.length >= 16, {
  message: 'at least 16 characters (openssl rand -hex 24)',
});

/** A JSON object. */
const jsonObject = z
  .string()
  .optional()
  .transform((value, context): Readonly<Record<string, unknown>> | undefined => {
    if (!value) return undefined;
    try {
      const parsed: unknown = JSON.parse(value);
      if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
        return parsed as Record<string, unknown>;
    } catch {
      // Said below.
    }
    context.addIssue({ code: 'custom', message: 'must be a JSON object' });
    return z.NEVER;
  });
const voices = list.refine(
  (items) => items.every((item) => /^[A-Za-z]{2,3}(-\w{2,8})*=[\w:-]{1,80}$/.test(item)),
  {
    message: 'LANGUAGE=VOICE, parted by commas',
  },
);

const key32 = z.string().refine((value) => Buffer.from(value, 'base64').length === 32, {
  message: 'must be 32 bytes in base64 (openssl rand -base64 32)',
});

const shape = {
  ENVIRONMENT: z.enum(['dev', 'test', 'staging', 'prod']),
  ...redisShape,
  TTL_MULTIPLIER: z.coerce.number().positive().max(100).default(1),
  COSMOS_ENDPOINT: z.url(),
  COSMOS_KEY: z.string().min(1),
  COSMOS_DATABASE: z.string().min(1).default('rtvoice'),
  ACS_CONNECTION_STRING: z.string().regex(/endpoint=.+;accesskey=.+/i, {
    message: 'must be endpoint=https://…;accesskey=…',
  }),
  ACS_ALLOW_INSECURE: flag,
  /** Tokens of callbacks and sockets; on when ACS_RESOURCE_ID is set. */
  ACS_AUTH: onOrOff,
  ACS_RESOURCE_ID: optionalText,
  ACS_JWT_ISSUER: optionalUrl,
  ACS_JWKS_URL: optionalUrl,
  /** Current secret first, then those that still count. */
  EVENT_GRID_SECRET: secrets,
  EVENT_GRID_TENANT_ID: optionalText,
  EVENT_GRID_AUDIENCE: optionalText,
  EVENT_GRID_APP_IDS: list,
  /** Who issues Entra's tokens: another one in sovereign clouds. */
  EVENT_GRID_AUTHORITY: optionalUrl,
  /** What becomes of incoming calls: answer, reject or redirect:RAW_ID, perhaps by called number. */
  ANSWER_POLICY: z
    .string()
    .refine(isAnswerPolicy, {
      message: 'rules [+NUMBER=](answer | reject | redirect:RAW_ID), parted by commas',
    })
    .default('answer'),
  /** Bearer token of the control API; without it there is no such API. */
  API_TOKEN: longSecret,
  /** Bearer token of the reading API's role `reader`; API_TOKEN has the role `admin` there. */
  READ_TOKEN: longSecret,
  MAX_CALLS_PER_WORKER: z.coerce.number().int().positive().default(200),
  MAX_EVENT_LOOP_DELAY_MS: positive.default(500),
  MAX_HEAP_MB: positive.default(1_536),
  PUBLIC_BASE_URL: z.url(),
  HOST: z.string().default('127.0.0.1'),
  PORT: port.default(8080),
  APP_PORT: port.default(3000),
  DAPR_HOST: z.string().default('127.0.0.1'),
  DAPR_HTTP_PORT: port.default(3500),
  DAPR_API_TOKEN: optionalText,
  APP_API_TOKEN: optionalText,
  WORKER_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,80}$/, { message: 'letters, digits, . _ - only' })
    .default(`worker-${process.pid}`),
  WORKER_URL: optionalText,
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalText,
  RTVOICE_DATA_KEY: key32,
  RTVOICE_URL_SECRET: optionalText,
  /** Who answers: the rules of a script, or a model behind an OpenAI-compatible service. */
  AGENT_KIND: z.enum(['scripted', 'openai']).default('scripted'),
  AGENT_SCRIPT: optionalText,
  AGENT_NAME: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { message: 'letters, digits, _ - only' })
    .default('main'),
  AGENT_BASE_URL: optionalUrl,
  AGENT_API_KEY: optionalText,
  AGENT_API_VERSION: optionalText,
  AGENT_MODEL: optionalText,
  AGENT_MAX_TOKENS: z.coerce.number().int().positive().default(300),
  AGENT_BODY: jsonObject,
  AGENT_PROMPTS: optionalText,
  AGENT_FIRST_TOKEN_MS: positive.max(60_000).default(2_000),
  AGENT_TOKEN_GAP_MS: positive.max(60_000).default(2_000),
  /** USD per million tokens of the agent's model; without both a call has no cost in the record. */
  AGENT_PRICE_IN: price,
  AGENT_PRICE_OUT: price,
  /** Whether the mood of callers' words goes into the record, and what judges it. */
  SENTIMENT: z.enum(['off', 'lexicon']).default('off'),
  REPLY_FILLER_MS: z.coerce.number().min(0).default(1_000),
  REPLY_FALLBACK_MS: positive.max(60_000).default(2_700),
  SPOKEN_TEXTS: optionalText,
  SPEECH_KIND: z.enum(['flite', 'azure']).default('flite'),
  SPEECH_ENDPOINT: optionalUrl,
  SPEECH_KEY: optionalText,
  SPEECH_RESOURCE_ID: optionalText,
  SPEECH_VOICES: voices,
  SPEECH_VOICE: z.string().default('kal16'),
  SPEECH_LOCALE: z.string().default('en-US'),
  SPEECH_THREADS: z.coerce.number().int().min(1).max(16).default(1),
  VOICE_ACTIVITY: z.enum(['on', 'off']).default('on'),
  SILENCE_REPROMPT_MS: positive.default(15_000),
  SILENCE_REPROMPTS: z.coerce.number().int().min(0).default(2),
  /** Silence after words that are not final until they count as final all the same; 0: only finals count. */
  ENDPOINT_PAUSE_MS: z.coerce.number().min(0).max(60_000).default(ENDPOINT.pauseMs),
  /** How the keys that a caller presses become one turn. */
  DTMF_TERMINATOR: z
    .string()
    .regex(/^[0-9A-D*#]?$/, { message: 'one key, or nothing' })
    .default(TONES.terminator),
  DTMF_MAX_DIGITS: z.coerce.number().int().min(1).max(64).default(TONES.most),
  DTMF_PAUSE_MS: positive.max(60_000).default(TONES.pauseMs),
  /** Participants of a call in one sound, or each apart. */
  MEDIA_CHANNELS: z.enum(['mixed', 'unmixed']).default('mixed'),
  /** Beginnings of raw ids of participants who count for nothing: bots. */
  IGNORED_PARTICIPANTS: z.string().default('28:').transform(items),
  TTS_MEMORY_MB: positive.default(64),
  DRAIN_GRACE_MS: positive.default(20_000),
  /** Period of the reminder that each live call has, s. */
  CALL_REMINDER_S: z.coerce.number().int().min(5).max(300).default(60),
} as const;

const schema = z.object(shape).superRefine((settings, context) => {
  if (settings.ENVIRONMENT === 'prod' && settings.ACS_ALLOW_INSECURE) {
    context.addIssue({ code: 'custom', path: ['ACS_ALLOW_INSECURE'], message: 'is refused in prod' });
  }
  const refuse = (name: keyof typeof shape, message: string): void =>
    context.addIssue({ code: 'custom', path: [name], message });
  for (const [name, message] of redisContradictions(settings)) refuse(name, message);
  const guarded = settings.ENVIRONMENT === 'staging' || settings.ENVIRONMENT === 'prod';
  if (settings.ACS_AUTH === 'off' && settings.ENVIRONMENT === 'prod')
    refuse('ACS_AUTH', 'off is refused in prod');
  if (!settings.ACS_RESOURCE_ID && (settings.ACS_AUTH === 'on' || (guarded && settings.ACS_AUTH !== 'off')))
    refuse('ACS_RESOURCE_ID', 'is needed to check the tokens of ACS: it is their audience');
  const entra = settings.EVENT_GRID_TENANT_ID !== undefined || settings.EVENT_GRID_AUDIENCE !== undefined;
  if (entra && !(settings.EVENT_GRID_TENANT_ID && settings.EVENT_GRID_AUDIENCE))
    refuse('EVENT_GRID_AUDIENCE', 'EVENT_GRID_TENANT_ID and EVENT_GRID_AUDIENCE go together');
  if (guarded && !entra && settings.EVENT_GRID_SECRET.length === 0)
    refuse('EVENT_GRID_SECRET', 'is needed (or EVENT_GRID_TENANT_ID with EVENT_GRID_AUDIENCE)');
  if ((settings.AGENT_PRICE_IN === undefined) !== (settings.AGENT_PRICE_OUT === undefined))
    refuse('AGENT_PRICE_OUT', 'AGENT_PRICE_IN and AGENT_PRICE_OUT go together');
  if (settings.AGENT_KIND === 'openai') {
    for (const name of ['AGENT_BASE_URL', 'AGENT_MODEL'] as const)
      if (!settings[name]) refuse(name, 'is needed where AGENT_KIND is openai');
  }
  if (settings.SPEECH_KIND === 'azure') {
    if (!settings.SPEECH_ENDPOINT) refuse('SPEECH_ENDPOINT', 'is needed where SPEECH_KIND is azure');
    if (!settings.SPEECH_KEY && !settings.SPEECH_RESOURCE_ID)
      refuse('SPEECH_KEY', 'is needed where SPEECH_KIND is azure (or SPEECH_RESOURCE_ID, for Entra ID)');
  }
  const url = new URL(settings.PUBLIC_BASE_URL);
  if (settings.ENVIRONMENT === 'prod' && url.protocol !== 'https:') {
    context.addIssue({ code: 'custom', path: ['PUBLIC_BASE_URL'], message: 'must be https in prod' });
  }
});

/** All settings of a worker, validated. */
export type Config = Readonly<z.output<typeof schema>>;

/** Whether the tokens of ACS are checked: said by ACS_AUTH, else by whether their audience is known. */
export const isAcsAuthOn = (config: Pick<Config, 'ACS_AUTH' | 'ACS_RESOURCE_ID'>): boolean =>
  config.ACS_AUTH === undefined ? config.ACS_RESOURCE_ID !== undefined : config.ACS_AUTH === 'on';

/** Names of all settings, for the test that holds .env.example and docker-compose.yml to them. */
export const settingNames: readonly string[] = Object.keys(shape);

/**
 * Reads and validates the environment.
 * @throws RtvoiceError RTV_CONFIG_INVALID, naming every bad setting and never its value.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const parsed = schema.safeParse(env);
  if (!parsed.success) throw new RtvoiceError('RTV_CONFIG_INVALID', `\n${prettifyError(parsed.error)}`);
  return Object.freeze(parsed.data);
}
