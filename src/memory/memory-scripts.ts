/**
 * The Lua scripts of a conversation's memory, beside those of the journal. Each is fenced by the session's owner,
 * checks before it writes and sets the TTL in the same step. Verdicts: OK, FENCED, DIVERGED, UNREADABLE, ENDED.
 */
import { defineScript } from '../stores/redis/scripts.js';

/** ARGV inc, oe, on, write no, last write no acknowledged. What differs says who is stale; a late write is none. */
const FENCE = `
local function fence(key, inc, oe, on)
  local s = redis.call('HMGET', key, 'inc', 'oe', 'on', 'wn')
  if not s[1] then return 'DIVERGED' end
  if s[1] ~= inc or (tonumber(s[2]) or 0) > tonumber(oe) then return 'FENCED' end
  if s[2] ~= oe or s[3] ~= on then return 'DIVERGED' end
  return 'OK', tonumber(s[4]) or 0
end
local verdict, wn = fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if verdict ~= 'OK' then return {verdict} end
if wn >= tonumber(ARGV[4]) then return {'OK'} end
if wn < tonumber(ARGV[5]) then return {'DIVERGED'} end
`;

/**
 * KEYS session, history, summary. ARGV nonce, ttl, then the session as it was loaded: incarnation ('' = none), owner
 * epoch, owner nonce, seq; length of the history's hash; for a session to be made: incarnation, data.
 * Claims only what is still as it was loaded, so that a look at a conversation takes it from nobody.
 */
export const CLAIM_LOADED = defineScript(
  'memory_claim',
  `
local key = KEYS[1]
local kind = redis.call('TYPE', key).ok
if kind ~= 'none' and kind ~= 'hash' then return {'UNREADABLE'} end
local s = redis.call('HMGET', key, 'inc', 'oe', 'on', 'seq')
if s[1] and s[3] == ARGV[1] then
  redis.call('EXPIRE', key, ARGV[2])
  return {'OK', redis.call('HGETALL', key)}
end
if redis.call('EXISTS', KEYS[3]) == 1 then return {'ENDED'} end
if s[1] then
  if s[1] ~= ARGV[3] or s[2] ~= ARGV[4] or s[3] ~= ARGV[5] or s[4] ~= ARGV[6] then return {'FENCED'} end
  redis.call('HINCRBY', key, 'oe', 1)
  redis.call('HSET', key, 'on', ARGV[1], 'wn', 0)
else
  local oe = 1
  if ARGV[3] ~= '' then
    oe = tonumber(ARGV[4]) + 1
  elseif redis.call('HLEN', KEYS[2]) ~= tonumber(ARGV[7]) then
    return {'FENCED'}
  end
  redis.call('HSET', key, 'inc', ARGV[8], 'oe', oe, 'on', ARGV[1], 'me', 0, 'mw', '', 'seq', ARGV[6], 'cid', '',
    'wn', 0, 'ar', 0, 'd', ARGV[9], 'say', '')
end
redis.call('EXPIRE', key, ARGV[2])
return {'OK', redis.call('HGETALL', key)}
`,
  { safe: true },
);

/**
 * KEYS session, context, place for a damaged context. ARGV as above, then ttl, data, ttl of what is set aside, pairs
 * of session fields. Writes what Dapr's component would write (`data`, and `version` counted up) and the TTL.
 */
export const SAVE_CONTEXT = defineScript(
  'memory_save',
  `${FENCE}
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'none' and kind ~= 'hash' then
  redis.call('RENAME', KEYS[2], KEYS[3])
  redis.call('EXPIRE', KEYS[3], ARGV[8])
end
local version = redis.call('HGET', KEYS[2], 'version')
if version and not string.match(version, '^%d+$') then redis.call('HDEL', KEYS[2], 'version') end
redis.call('HSET', KEYS[2], 'data', ARGV[7])
redis.call('HINCRBY', KEYS[2], 'version', 1)
redis.call('EXPIRE', KEYS[2], ARGV[6])
redis.call('HSET', KEYS[1], 'wn', ARGV[4], unpack(ARGV, 9))
redis.call('EXPIRE', KEYS[1], ARGV[6])
return {'OK'}
`,
  { safe: true },
);

/** KEYS session, auth. ARGV as above, then ttl, value. */
export const WRITE_AUTH = defineScript(
  'memory_auth',
  `${FENCE}
redis.call('SET', KEYS[2], ARGV[7], 'EX', ARGV[6])
redis.call('HSET', KEYS[1], 'wn', ARGV[4])
return {'OK'}
`,
  { safe: true },
);

/** KEYS damaged key, its place aside. ARGV type, ttl, and for a hash the data that was read. Only what is still so. */
export const SET_ASIDE = defineScript(
  'memory_set_aside',
  `
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= ARGV[1] then return 0 end
if kind == 'hash' and redis.call('HGET', KEYS[1], 'data') ~= (ARGV[3] ~= '' and ARGV[3] or false) then return 0 end
redis.call('RENAME', KEYS[1], KEYS[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 1
`,
  { safe: true },
);
