/**
 * A context that cannot be read is moved out of the way, whole and for inspection, never deleted: to
 * `…:context:aside`, for seven days. Through Redis itself, for Dapr's component can neither move a value nor read one
 * of another type.
 */
import { guarded } from './journal.js';
import { Component, type RedisKeyManager } from './keys.js';
import type { RedisManager } from './redis/manager.js';
import { defineScript } from './redis/scripts.js';

/** What was seen at the key: a value with the component's ETag, or a key that the component could not read at all. */
export type DamagedContext = { readonly etag: string | undefined } | 'no_value';

export type ContextAside = (callId: string, damaged: DamagedContext) => Promise<boolean>;

const ASIDE_TTL_S = 7 * 24 * 3600;

/** KEYS context, its place aside. ARGV what was seen (value, other), version, ttl. Only what is still so. */
const SET_ASIDE = defineScript(
  'context_set_aside',
  `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return 0 end
local version = kind == 'hash' and redis.call('HGET', KEYS[1], 'version') or ''
if ARGV[1] == 'value' then
  if kind ~= 'hash' or version ~= ARGV[2] then return 0 end
elseif kind == 'hash' and version ~= '' and redis.call('HEXISTS', KEYS[1], 'data') == 1 then
  return 0
end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
`,
  { safe: true },
);

/** Resolves to whether it was moved: not when it was written or removed since. The result throws JournalFailure. */
export function createContextAside(redis: RedisManager, keys: RedisKeyManager): ContextAside {
  return async (callId, damaged) => {
    const key = keys.conversationKey(callId, Component.CONTEXT);
    const seen = damaged === 'no_value' ? ['other', ''] : ['value', damaged.etag ?? ''];
    const moved = await guarded(() =>
      redis.script(SET_ASIDE, [key, `${key}:aside`], [...seen, ASIDE_TTL_S], { correlationId: callId }),
    );
    return moved === 1;
  };
}
