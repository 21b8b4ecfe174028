/** The parts of a call that the Python system stored: each becomes its component, sealed. */
import { isDeepStrictEqual } from 'node:util';
import { RtvoiceError } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import { Component, type RedisKeyManager } from '../stores/keys.js';
import { CALL_SESSION_FIELD } from '../stores/redis/documents.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { defineScript } from '../stores/redis/scripts.js';
import { isRecord } from './context.js';
import { LEGACY_CALL_COMPONENTS, type LegacyCallPart, type LegacyValue } from './legacy-keys.js';
import { ASIDE_TTL_S, MemorySession } from './memory-session.js';

/** KEYS session. ARGV field, value. Written where the field is not there yet; answers what stands there. */
const KEEP_FIELD = defineScript(
  'legacy_keep_field',
  `
redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
return redis.call('HGET', KEYS[1], ARGV[1])
`,
  { safe: true },
);

/** KEYS key. ARGV value, ttl. The same for a key of its own. */
const KEEP_VALUE = defineScript(
  'legacy_keep',
  `
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return '' end
return redis.call('GET', KEYS[1])
`,
  { safe: true },
);

/**
 * Moves one part of a call. What the new system has written there stays, the old value then goes aside.
 * @returns false when the part was put aside instead of moved
 */
export async function moveCallPart(
  redis: RedisManager,
  keys: RedisKeyManager,
  seal: Seal,
  sessionId: string,
  part: LegacyCallPart,
  value: LegacyValue,
  options: { readonly createData?: string | undefined; readonly now?: (() => number) | undefined },
): Promise<boolean> {
  const key = keys.callKey(sessionId, LEGACY_CALL_COMPONENTS[part]);
  const content = contentOf(value);
  const stored = JSON.stringify({
    schema: 1,
    sealed: seal.protect('session', `${sessionId}/${part}`, content),
  });
  let there: unknown;
  if (part === 'session') {
    const { now, createData } = options;
    const session = new MemorySession(sessionId, redis, {
      ...(now ? { now } : {}),
      ...(createData ? { createData } : {}),
    });
    await session.load();
    await session.claim();
    there = await redis.script(KEEP_FIELD, [key], [CALL_SESSION_FIELD, stored], { correlationId: sessionId });
  } else {
    const ttl = keys.ttl('conversation_context');
    there = await redis.script(KEEP_VALUE, [key], [stored, ttl], { correlationId: sessionId });
  }
  if (isDeepStrictEqual(openCallPart(seal, sessionId, part, there), content) && value.type !== 'other')
    return true;
  await keepAside(redis, keys, seal, sessionId, value);
  return false;
}

/** What a migrated part of a call holds; undefined when it is not one, or cannot be opened. */
export function openCallPart(seal: Seal, sessionId: string, part: LegacyCallPart, stored: unknown): unknown {
  try {
    const parsed: unknown = typeof stored === 'string' ? JSON.parse(stored) : stored;
    if (!isRecord(parsed) || parsed.schema !== 1 || typeof parsed.sealed !== 'string') return undefined;
    return seal.reveal('session', `${sessionId}/${part}`, parsed.sealed);
  } catch {
    return undefined;
  }
}

/** Keeps a legacy value as it was, sealed, for inspection. @throws RtvoiceError RTV_RECORD_UNREADABLE if it does not open */
export async function keepAside(
  redis: RedisManager,
  keys: RedisKeyManager,
  seal: Seal,
  sessionId: string,
  value: LegacyValue,
): Promise<void> {
  const source = value.key === `session:${sessionId}` ? 'session' : (value.key.split(':').at(-1) ?? '');
  const call = value.key.startsWith('call:');
  const component = call
    ? keys.callKey(sessionId, Component.SESSION)
    : keys.conversationKey(sessionId, Component.CONTEXT);
  const key = `${component}:legacy_${source}:aside`;
  const kept = { type: value.type, parts: value.parts.map((part) => part.toString('base64')) };
  const id = `${sessionId}/legacy/${source}`;
  await redis.setJson(
    key,
    { schema: 1, sealed: seal.protect('session', id, kept) },
    { ttl: ASIDE_TTL_S, correlationId: sessionId },
  );
  const read = await redis.getJson(key, { correlationId: sessionId });
  const sealed = isRecord(read) && typeof read.sealed === 'string' ? read.sealed : '';
  if (!isDeepStrictEqual(seal.reveal('session', id, sealed), kept))
    throw new RtvoiceError('RTV_RECORD_UNREADABLE');
}

/** The value of a part: JSON where it is JSON, else text. */
function contentOf(value: LegacyValue): unknown {
  const parsed = value.parts.map((part) => parse(part.toString()));
  if (value.type === 'string') return parsed[0];
  if (value.type !== 'hash') return parsed;
  const fields = new Map<string, unknown>();
  for (let at = 0; at + 1 < value.parts.length; at += 2) fields.set(String(value.parts[at]), parsed[at + 1]);
  return Object.fromEntries(fields);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
