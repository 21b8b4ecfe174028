/** The keys of the Python system, read and removed without losing what somebody else writes meanwhile. */
import { Component } from '../stores/keys.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { defineScript } from '../stores/redis/scripts.js';

/** Legacy call keys and the component each becomes. */
export const LEGACY_CALL_COMPONENTS = {
  recording: Component.RECORDING,
  participants: Component.PARTICIPANTS,
  media_streaming_status: Component.MEDIA_STREAM,
  session: Component.SESSION,
} as const;
export type LegacyCallPart = keyof typeof LEGACY_CALL_COMPONENTS;

export interface LegacyNames {
  readonly session: string;
  readonly hist: string;
  readonly call: Readonly<Record<LegacyCallPart, string>>;
}

export function legacyNames(sessionId: string): LegacyNames {
  const call = (part: LegacyCallPart): string => `call:${sessionId}:${part}`;
  return {
    session: `session:${sessionId}`,
    hist: `${sessionId}:hist`,
    call: {
      recording: call('recording'),
      participants: call('participants'),
      media_streaming_status: call('media_streaming_status'),
      session: call('session'),
    },
  };
}

/** A legacy value as stored. `digest` tells it from any later content of its key. */
export interface LegacyValue {
  readonly key: string;
  readonly type: 'string' | 'hash' | 'list' | 'other';
  readonly digest: string;
  /** The text; field and value in turn; the items. */
  readonly parts: readonly Buffer[];
}

const READ_LEGACY = defineScript(
  'legacy_read',
  `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return {'none'} end
local digest = redis.sha1hex(redis.call('DUMP', KEYS[1]))
if kind == 'string' then return {kind, digest, {redis.call('GET', KEYS[1])}} end
if kind == 'hash' then return {kind, digest, redis.call('HGETALL', KEYS[1])} end
if kind == 'list' then return {kind, digest, redis.call('LRANGE', KEYS[1], 0, -1)} end
return {'other', digest, {redis.call('DUMP', KEYS[1])}}
`,
  { safe: true },
);

const REMOVE_LEGACY = defineScript(
  'legacy_remove',
  `
local dump = redis.call('DUMP', KEYS[1])
if not dump then return 1 end
if redis.sha1hex(dump) ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])
`,
  { safe: true },
);

/** The legacy keys of a session that are there. */
export async function findLegacy(redis: RedisManager, sessionId: string): Promise<string[]> {
  const { session, hist, call } = legacyNames(sessionId);
  const names = [session, hist, ...Object.values(call)];
  const found = await redis.batch(
    names.map((name) => ['exists', name] as const),
    { correlationId: sessionId },
  );
  return names.filter((_, at) => {
    const reply = found[at];
    if (reply && !reply.ok) throw reply.failure;
    return reply?.value === 1;
  });
}

export async function readLegacyKey(
  redis: RedisManager,
  key: string,
  sessionId: string,
): Promise<LegacyValue | undefined> {
  const reply = await redis.script(READ_LEGACY, [key], [], { buffers: true, correlationId: sessionId });
  const [kind, digest, parts] = reply as [Buffer, Buffer?, Buffer[]?];
  const type = kind.toString();
  if (!digest || !parts) return undefined;
  const known = type === 'string' || type === 'hash' || type === 'list' ? type : 'other';
  return { key, type: known, digest: digest.toString(), parts };
}

/** Removes a key that is still as it was read; false when somebody wrote it since. */
export async function removeLegacyKey(
  redis: RedisManager,
  value: LegacyValue,
  sessionId: string,
): Promise<boolean> {
  const options = { correlationId: sessionId };
  return (await redis.script(REMOVE_LEGACY, [value.key], [value.digest], options)) === 1;
}
