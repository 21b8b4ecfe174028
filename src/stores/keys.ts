import type { KeyErrorCode } from './errors.js';
import { checkTtlMultiplier, type TtlPolicy, ttlSeconds } from './ttl.js';

/** Second-level families of keys. */
export const DataType = {
  CALL: 'call',
  CONVERSATION: 'conversation',
  WORKER: 'worker',
  SYSTEM: 'system',
  CACHE: 'cache',
} as const;
export type DataType = (typeof DataType)[keyof typeof DataType];

/** What a key holds. Those of system and cache keys are free. */
export const Component = {
  SESSION: 'session',
  RECORDING: 'recording',
  PARTICIPANTS: 'participants',
  MEDIA_STREAM: 'media_stream',
  HISTORY: 'history',
  CONTEXT: 'context',
  TRANSCRIPT: 'transcript',
  AUTH: 'auth',
  SUMMARY: 'summary',
  PROFILE: 'profile',
  AFFINITY: 'affinity',
  HEARTBEAT: 'heartbeat',
  METRICS: 'metrics',
  HEALTH: 'health',
} as const;
export type Component = (typeof Component)[keyof typeof Component];

export const ENVIRONMENTS = ['dev', 'test', 'staging', 'prod'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** Longest identifier or free component, in UTF-8 bytes before escaping. */
export const MAX_IDENTIFIER_BYTES = 2048;

/** A key that cannot be built. The message never carries the identifier: it may be a caller's number. */
export class KeyError extends Error {
  constructor(
    readonly code: KeyErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'KeyError';
  }
}

/** The three parts of a key under one app prefix and environment, unescaped. */
export interface KeyParts {
  readonly dataType: DataType;
  readonly identifier: string;
  readonly component: string;
}

export interface KeyManagerOptions {
  readonly environment: Environment;
  /** First segment, `rtvoice` by default. */
  readonly appPrefix?: string;
  /**
   * Writes the identifier of call, conversation and worker keys as `{id}`, so that the keys of one session
   * share a slot of a cluster. Cache and system keys stay plain: their identifier is a kind (`tts`), and a
   * tag on it would press a whole cache onto one node.
   */
  readonly hashTags?: boolean;
  /** TTL_MULTIPLIER for `ttl()`, 1 by default. */
  readonly ttlMultiplier?: number;
}

const PREFIX = /^[A-Za-z0-9_-]{1,64}$/;
const SAFE_SEGMENT = /^(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+$/;
const DATA_TYPES: ReadonlySet<string> = new Set(Object.values(DataType));
const COMPONENTS: ReadonlySet<string> = new Set(Object.values(Component));

/** True for one of the five data types. */
export function isDataType(name: string): name is DataType {
  return DATA_TYPES.has(name);
}

/** True for a component of the fixed list. */
export function isComponent(name: string): name is Component {
  return COMPONENTS.has(name);
}

/** True for dev, test, staging or prod. */
export function isEnvironment(name: string): name is Environment {
  return (ENVIRONMENTS as readonly string[]).includes(name);
}

/** Takes the meaning out of every character that Redis globs treat as special. */
export function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, (special) => `\\${special}`);
}

/**
 * Percent-encodes an identifier's UTF-8 bytes down to `A-Z a-z 0-9 . _ ~ -`: no separator, glob, brace or
 * control character is left, and `unescapeIdentifier` gives the identifier back.
 */
export function escapeIdentifier(identifier: string): string {
  if (identifier.length === 0) throw new KeyError('RTV_KEY_IDENTIFIER_EMPTY', 'a key needs an identifier');
  // UTF-8 is never shorter than UTF-16 is long, so this cheap test goes before the exact one.
  if (identifier.length > MAX_IDENTIFIER_BYTES || Buffer.byteLength(identifier) > MAX_IDENTIFIER_BYTES) {
    throw new KeyError(
      'RTV_KEY_IDENTIFIER_TOO_LONG',
      `an identifier has at most ${MAX_IDENTIFIER_BYTES} bytes`,
    );
  }
  let encoded: string;
  try {
    encoded = encodeURIComponent(identifier);
  } catch {
    throw new KeyError('RTV_KEY_IDENTIFIER_MALFORMED', 'an identifier must be well-formed Unicode');
  }
  return encoded.replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The identifier, or undefined when the text is not exactly what `escapeIdentifier` writes. */
export function unescapeIdentifier(segment: string): string | undefined {
  if (!SAFE_SEGMENT.test(segment)) return undefined;
  try {
    const identifier = decodeURIComponent(segment);
    return escapeIdentifier(identifier) === segment ? identifier : undefined;
  } catch {
    return undefined;
  }
}

/** Builds and reads keys `{app_prefix}:{environment}:{data_type}:{identifier}:{component}`. */
export class RedisKeyManager {
  readonly appPrefix: string;
  readonly environment: Environment;
  readonly hashTags: boolean;
  readonly ttlMultiplier: number;
  readonly #root: string;

  constructor(options: KeyManagerOptions) {
    this.appPrefix = options.appPrefix ?? 'rtvoice';
    if (!PREFIX.test(this.appPrefix)) {
      throw new KeyError('RTV_KEY_PREFIX_INVALID', 'an app prefix is 1 to 64 letters, digits, _ or -');
    }
    if (!isEnvironment(options.environment)) {
      throw new KeyError(
        'RTV_KEY_ENVIRONMENT_UNKNOWN',
        `the environment is one of ${ENVIRONMENTS.join(', ')}`,
      );
    }
    this.environment = options.environment;
    this.hashTags = options.hashTags ?? false;
    this.ttlMultiplier = checkTtlMultiplier(options.ttlMultiplier ?? 1);
    this.#root = `${this.appPrefix}:${this.environment}`;
  }

  /** Key of a call, by call connection id. */
  callKey(callConnectionId: string, component: Component): string {
    return this.build({ dataType: DataType.CALL, identifier: callConnectionId, component });
  }

  /** Key of a conversation, by session id. */
  conversationKey(sessionId: string, component: Component): string {
    return this.build({ dataType: DataType.CONVERSATION, identifier: sessionId, component });
  }

  /** Key of a worker. */
  workerKey(workerId: string, component: Component): string {
    return this.build({ dataType: DataType.WORKER, identifier: workerId, component });
  }

  /** Key of the system as a whole; `systemKey('calls', 'live')` is the live-call index. */
  systemKey(identifier: string, component: string): string {
    return this.build({ dataType: DataType.SYSTEM, identifier, component });
  }

  /** Key of a cached value: `cacheKey('tts', hash)`. */
  cacheKey(cache: string, entry: string): string {
    return this.build({ dataType: DataType.CACHE, identifier: cache, component: entry });
  }

  /** The key of some parts; throws KeyError for parts that no key may have. */
  build(parts: KeyParts): string {
    const { dataType, component } = parts;
    if (!isDataType(dataType)) throw new KeyError('RTV_KEY_DATA_TYPE_UNKNOWN', 'no such data type');
    const written = hasFreeComponent(dataType) ? escapeIdentifier(component) : component;
    if (!hasFreeComponent(dataType) && !isComponent(component)) {
      throw new KeyError('RTV_KEY_COMPONENT_UNKNOWN', `no such component of a ${dataType} key`);
    }
    return `${this.#root}:${dataType}:${this.#tagged(dataType, escapeIdentifier(parts.identifier))}:${written}`;
  }

  /** The parts of a key that this manager could have built, else undefined (another app, another shape). */
  parse(key: string): KeyParts | undefined {
    if (!key.startsWith(`${this.#root}:`)) return undefined;
    const [dataType, segment, written, ...rest] = key.slice(this.#root.length + 1).split(':');
    if (dataType === undefined || segment === undefined || written === undefined || rest.length > 0)
      return undefined;
    if (!isDataType(dataType)) return undefined;
    const identifier = this.#identifierOf(dataType, segment);
    const component = hasFreeComponent(dataType) ? unescapeIdentifier(written) : written;
    if (identifier === undefined || component === undefined) return undefined;
    if (!hasFreeComponent(dataType) && !isComponent(component)) return undefined;
    return { dataType, identifier, component };
  }

  /**
   * Glob for SCAN: parts left out match anything. With hash tags on, an identifier without a data type means
   * a session's or a worker's.
   */
  pattern(parts: Partial<KeyParts> = {}): string {
    const { dataType, identifier, component } = parts;
    const id = identifier === undefined ? '*' : escapeGlob(escapeIdentifier(identifier));
    const named = dataType ?? (identifier === undefined ? undefined : DataType.CALL);
    const segment = named === undefined ? id : this.#tagged(named, id);
    const last = component === undefined ? '*' : escapeGlob(escapeIdentifier(component));
    return `${escapeGlob(this.#root)}:${dataType ?? '*'}:${segment}:${last}`;
  }

  /** Seconds of a policy under this environment's TTL_MULTIPLIER. */
  ttl(policy: TtlPolicy): number {
    return ttlSeconds(policy, this.ttlMultiplier);
  }

  #tagged(dataType: DataType, segment: string): string {
    return this.hashTags && !hasFreeComponent(dataType) ? `{${segment}}` : segment;
  }

  #identifierOf(dataType: DataType, segment: string): string | undefined {
    if (!this.hashTags || hasFreeComponent(dataType)) return unescapeIdentifier(segment);
    if (!segment.startsWith('{') || !segment.endsWith('}')) return undefined;
    return unescapeIdentifier(segment.slice(1, -1));
  }
}

function hasFreeComponent(dataType: DataType): boolean {
  return dataType === DataType.SYSTEM || dataType === DataType.CACHE;
}
