import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Component,
  DataType,
  ENVIRONMENTS,
  type Environment,
  escapeGlob,
  KeyError,
  type KeyParts,
  MAX_IDENTIFIER_BYTES,
  RedisKeyManager,
} from './keys.js';

const keys = new RedisKeyManager({ environment: 'prod' });
const tagged = new RedisKeyManager({ environment: 'prod', hashTags: true });

const HOSTILE = [
  'a:b:c',
  '*',
  '???',
  '[a-z]',
  '^x\\y',
  '{tag}',
  '}{',
  'with spaces\tand\nlines',
  '\u0000\u0007\u001b',
  'ünïcødé ☎️ 電話',
  '%2F%zz%',
  '4:+4915155500000',
  '__proto__',
  '.',
  "!'()*",
  'x'.repeat(MAX_IDENTIFIER_BYTES),
  '☎'.repeat(682),
];

const identifier = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
  fc.string({ unit: fc.constantFrom(...':*?[]{}%\\^ a0-'), minLength: 1, maxLength: 20 }),
  fc.uuid(),
);
const parts: fc.Arbitrary<KeyParts> = fc.oneof(
  fc.record({
    dataType: fc.constantFrom(DataType.CALL, DataType.CONVERSATION, DataType.WORKER),
    identifier,
    component: fc.constantFrom(...Object.values(Component)),
  }),
  fc.record({
    dataType: fc.constantFrom(DataType.SYSTEM, DataType.CACHE),
    identifier,
    component: identifier,
  }),
);
const manager = fc.record({
  environment: fc.constantFrom<Environment>(...ENVIRONMENTS),
  appPrefix: fc.constantFrom('rtvoice', 'rt', 'other-app_2'),
  hashTags: fc.boolean(),
});

/** Redis's glob rules (util.c, stringmatchlen) for the constructs a pattern of ours can hold. */
function globMatches(pattern: string, text: string): boolean {
  let source = '';
  for (let i = 0; i < pattern.length; i += 1) {
    const c = pattern[i] ?? '';
    if (c === '*') source += '.*';
    else if (c === '?') source += '.';
    else if (c === '\\') {
      i += 1;
      source += (pattern[i] ?? '').replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    } else source += c.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
  }
  return new RegExp(`^${source}$`, 's').test(text);
}

function codeOf(build: () => unknown): string | undefined {
  try {
    build();
    return undefined;
  } catch (error) {
    return error instanceof KeyError ? error.code : String(error);
  }
}

describe('the documented keys', () => {
  test('are built as they are written', () => {
    const dev = new RedisKeyManager({ environment: 'dev' });
    expect(keys.callKey('call-connection-id-1234', Component.SESSION)).toBe(
      'rtvoice:prod:call:call-connection-id-1234:session',
    );
    expect(keys.conversationKey('session-id-5678', Component.CONTEXT)).toBe(
      'rtvoice:prod:conversation:session-id-5678:context',
    );
    expect(dev.workerKey('worker-abc123', Component.AFFINITY)).toBe(
      'rtvoice:dev:worker:worker-abc123:affinity',
    );
    expect(keys.systemKey('calls', 'live')).toBe('rtvoice:prod:system:calls:live');
    expect(keys.cacheKey('tts', '9f86d081')).toBe('rtvoice:prod:cache:tts:9f86d081');
    expect(keys.callKey('c', Component.MEDIA_STREAM)).toBe('rtvoice:prod:call:c:media_stream');
  });

  test('tag a session or worker, never a cache or the system, when hash tags are on', () => {
    expect(tagged.callKey('id', Component.SESSION)).toBe('rtvoice:prod:call:{id}:session');
    expect(tagged.conversationKey('a}b', Component.HISTORY)).toBe(
      'rtvoice:prod:conversation:{a%7Db}:history',
    );
    expect(tagged.systemKey('calls', 'live')).toBe('rtvoice:prod:system:calls:live');
    expect(tagged.cacheKey('tts', 'ab')).toBe('rtvoice:prod:cache:tts:ab');
  });
});

describe('building and parsing', () => {
  test('are inverse for arbitrary identifiers', () => {
    fc.assert(
      fc.property(manager, parts, (options, wanted) => {
        const m = new RedisKeyManager(options);
        const key = m.build(wanted);
        expect(m.parse(key)).toEqual(wanted);
        expect(key).toMatch(/^[A-Za-z0-9._~:%{}-]+$/);
        expect(key.split(':')).toHaveLength(5);
      }),
      { numRuns: 500 },
    );
  });

  test('different parts have different keys', () => {
    fc.assert(
      fc.property(fc.boolean(), parts, parts, (hashTags, a, b) => {
        const m = new RedisKeyManager({ environment: 'test', hashTags });
        expect(m.build(a) === m.build(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 300 },
    );
  });

  test('what parses is exactly what is built', () => {
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'ab:%2FfcC3{}*'), maxLength: 12 }),
      fc.constantFrom('%c3%a9', '%C3', '%41', '{a}', 'a', '', '%25'),
    );
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.constantFrom(...Object.values(DataType), 'x'),
        text,
        text,
        (hashTags, type, a, b) => {
          const m = new RedisKeyManager({ environment: 'prod', hashTags });
          const key = `rtvoice:prod:${type}:${a}:${b}`;
          const parsed = m.parse(key);
          if (parsed !== undefined) expect(m.build(parsed)).toBe(key);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('keys of another app, environment or shape do not parse', () => {
    const foreign = [
      'rtvoice:dev:call:a:session',
      'rtvoice2:prod:call:a:session',
      'rtvoice:prod:call:a',
      'rtvoice:prod:call:a:session:x',
      'rtvoice:prod:call::session',
      'rtvoice:prod:calls:a:session',
      'rtvoice:prod:call:a:sessions',
      'rtvoice:prod:call:a b:session',
      'rtvoice:prod:call:%61:session',
      'rtvoice:prod:call:{a}:session',
      'session:a',
      '',
    ];
    for (const key of foreign) expect(keys.parse(key)).toBeUndefined();
    expect(tagged.parse('rtvoice:prod:call:a:session')).toBeUndefined();
    expect(tagged.parse('rtvoice:prod:call:{a}:session')?.identifier).toBe('a');
  });

  test('what cannot be a key is refused by code, without naming the identifier', () => {
    const secret = `+49151${'5'.repeat(2100)}`;
    expect(codeOf(() => keys.callKey('', Component.SESSION))).toBe('RTV_KEY_IDENTIFIER_EMPTY');
    expect(codeOf(() => keys.callKey(secret, Component.SESSION))).toBe('RTV_KEY_IDENTIFIER_TOO_LONG');
    expect(codeOf(() => keys.callKey('☎'.repeat(683), Component.SESSION))).toBe(
      'RTV_KEY_IDENTIFIER_TOO_LONG',
    );
    expect(codeOf(() => keys.callKey('\ud800', Component.SESSION))).toBe('RTV_KEY_IDENTIFIER_MALFORMED');
    expect(codeOf(() => keys.cacheKey('tts', ''))).toBe('RTV_KEY_IDENTIFIER_EMPTY');
    expect(codeOf(() => keys.callKey('a', 'nonsense' as Component))).toBe('RTV_KEY_COMPONENT_UNKNOWN');
    expect(codeOf(() => keys.build({ dataType: 'x' as DataType, identifier: 'a', component: 'b' }))).toBe(
      'RTV_KEY_DATA_TYPE_UNKNOWN',
    );
    expect(codeOf(() => new RedisKeyManager({ environment: 'production' as Environment }))).toBe(
      'RTV_KEY_ENVIRONMENT_UNKNOWN',
    );
    expect(codeOf(() => new RedisKeyManager({ environment: 'dev', appPrefix: 'a:b' }))).toBe(
      'RTV_KEY_PREFIX_INVALID',
    );
    expect(codeOf(() => new RedisKeyManager({ environment: 'dev', appPrefix: '' }))).toBe(
      'RTV_KEY_PREFIX_INVALID',
    );
    try {
      keys.callKey(secret, Component.SESSION);
    } catch (error) {
      expect(String(error)).not.toContain('555');
    }
  });
});

describe('patterns', () => {
  test('match their own key and no other', () => {
    fc.assert(
      fc.property(fc.boolean(), parts, parts, (hashTags, a, b) => {
        const m = new RedisKeyManager({ environment: 'test', hashTags });
        expect(globMatches(m.pattern(a), m.build(a))).toBe(true);
        expect(globMatches(m.pattern(a), m.build(b))).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 300 },
    );
  });

  test('with parts left out match the keys that share the rest', () => {
    const omit = fc.record({ dataType: fc.boolean(), identifier: fc.boolean(), component: fc.boolean() });
    fc.assert(
      fc.property(fc.boolean(), parts, parts, omit, (hashTags, a, b, leave) => {
        const m = new RedisKeyManager({ environment: 'test', hashTags });
        // With tags on, an identifier alone means a session's or a worker's: system and cache are another case.
        fc.pre(!leave.dataType || leave.identifier || !hashTags);
        const asked = {
          ...(leave.dataType ? {} : { dataType: a.dataType }),
          ...(leave.identifier ? {} : { identifier: a.identifier }),
          ...(leave.component ? {} : { component: a.component }),
        };
        const same = Object.entries(asked).every(([name, value]) => b[name as keyof KeyParts] === value);
        expect(globMatches(m.pattern(asked), m.build(b))).toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  test('stay within their app and environment', () => {
    expect(keys.pattern()).toBe('rtvoice:prod:*:*:*');
    expect(keys.pattern({ dataType: 'call', component: 'session' })).toBe('rtvoice:prod:call:*:session');
    expect(tagged.pattern({ identifier: 'a' })).toBe('rtvoice:prod:*:{a}:*');
    expect(globMatches(keys.pattern(), 'rtvoice:dev:call:a:session')).toBe(false);
    expect(escapeGlob('a*b?[c]^\\')).toBe('a\\*b\\?\\[c\\]\\^\\\\');
  });
});
