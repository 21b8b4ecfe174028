/**
 * The Lua scripts of session and journal. A session is a hash: inc, oe, on (who owns it), me, mw (media epoch and
 * worker), seq, cid (last number and commit), wn (the owner's last write), ar (archived through), d (state, JSON),
 * say (sealed). The journal is a hash of turns by sequence number, and `inc`, whose they are. Each script checks
 * before it writes, sets the TTL in the same step, and answers {verdict, …}; verdicts: OK, ABSENT, UNREADABLE, FENCED,
 * DIVERGED.
 *
 * Write numbers: each write of an owner has a higher one. A write that comes late, after a later one, changes nothing;
 * a session whose last write is older than one that was acknowledged has gone back in time.
 */
import { defineScript } from './redis/scripts.js';

/** Equality of incarnation, owner epoch and nonce; what differs decides who is stale. */
const FENCE = `
local function fence(key, inc, oe, on)
  local s = redis.call('HMGET', key, 'inc', 'oe', 'on', 'seq', 'cid', 'wn')
  if not s[1] then
    if redis.call('EXISTS', key) == 1 then return 'DIVERGED', s end
    return 'ABSENT', s
  end
  if s[1] ~= inc or (tonumber(s[2]) or 0) > tonumber(oe) then return 'FENCED', s end
  if s[2] ~= oe or s[3] ~= on then return 'DIVERGED', s end
  return 'OK', s
end
`;

/**
 * KEYS session, history. ARGV nonce, ttl, incarnation ('' = do not create), data, last seq known to be archived.
 * The same nonce claims once, so a lost reply does no harm. A journal that outlived its session gives it its
 * incarnation back: its turns were acknowledged.
 */
export const CLAIM = defineScript(
  'session_claim',
  `
local key = KEYS[1]
local kind = redis.call('TYPE', key).ok
if kind ~= 'none' and kind ~= 'hash' then return {'UNREADABLE'} end
local s = redis.call('HMGET', key, 'inc', 'on')
if not s[1] then
  if ARGV[3] == '' then return {'ABSENT'} end
  local inc = ARGV[3]
  local seq = ARGV[5]
  if redis.call('TYPE', KEYS[2]).ok == 'hash' then inc = redis.call('HGET', KEYS[2], 'inc') or inc end
  redis.call('HSET', key, 'inc', inc, 'oe', 1, 'on', ARGV[1], 'me', 0, 'mw', '', 'seq', seq, 'cid', '', 'wn', 0,
    'ar', seq, 'd', ARGV[4], 'say', '')
elseif s[2] ~= ARGV[1] then
  redis.call('HINCRBY', key, 'oe', 1)
  redis.call('HSET', key, 'on', ARGV[1], 'wn', 0)
end
redis.call('EXPIRE', key, ARGV[2])
return {'OK', redis.call('HGETALL', key)}
`,
  { safe: true },
);

/**
 * KEYS session, history. ARGV inc, oe, on, write no, last write no acknowledged, from seq, commit id, session ttl,
 * history ttl, number of turns, turns…, then pairs of fields. Appends, moves the cursor, renews both TTLs: O(1) in the
 * length of the call.
 */
export const COMMIT = defineScript(
  'turn_commit',
  `${FENCE}
local verdict, s = fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if verdict ~= 'OK' then return {verdict} end
if s[5] == ARGV[7] then return {'OK'} end
if s[4] ~= ARGV[6] or (tonumber(s[6]) or 0) < tonumber(ARGV[5]) then return {'DIVERGED'} end
local seq, n = tonumber(ARGV[6]), tonumber(ARGV[10])
local turns = {'inc', ARGV[1]}
for i = 1, n do
  turns[#turns + 1] = seq + i
  turns[#turns + 1] = ARGV[10 + i]
end
redis.call('HSET', KEYS[2], unpack(turns))
redis.call('EXPIRE', KEYS[2], ARGV[9])
redis.call('HSET', KEYS[1], 'seq', seq + n, 'cid', ARGV[7], 'wn', ARGV[4], unpack(ARGV, 11 + n))
redis.call('EXPIRE', KEYS[1], ARGV[8])
return {'OK'}
`,
  { safe: true },
);

/** KEYS session. ARGV inc, oe, on, write no, last write no acknowledged, ttl, pairs of fields. Twice is once. */
export const WRITE = defineScript(
  'session_write',
  `${FENCE}
local verdict, s = fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if verdict ~= 'OK' then return {verdict} end
local wn = tonumber(s[6]) or 0
if wn >= tonumber(ARGV[4]) then return {'OK'} end
if wn < tonumber(ARGV[5]) then return {'DIVERGED'} end
redis.call('HSET', KEYS[1], 'wn', ARGV[4], unpack(ARGV, 7))
redis.call('EXPIRE', KEYS[1], ARGV[6])
return {'OK'}
`,
  { safe: true },
);

/**
 * KEYS session, history. ARGV inc, oe, on, write no, session ttl, history ttl, what was seen there before (oe, on, seq,
 * wn; '' for nothing), number of fields, of void numbers, then pairs of fields, the void numbers, pairs of seq and turn.
 * Writes everything again after the store went back in time; refuses where a newer owner stands, or where anything was
 * written since it was read.
 */
export const RESTORE = defineScript(
  'session_restore',
  `${FENCE}
local verdict, s = fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if verdict == 'FENCED' then return {verdict} end
if verdict == 'OK' and s[6] == ARGV[4] then return {'OK'} end
for i = 1, 4 do
  local at = s[({2, 3, 4, 6})[i]]
  if (at or '') ~= ARGV[6 + i] then return {'DIVERGED'} end
end
local fields, voids = tonumber(ARGV[11]), tonumber(ARGV[12])
redis.call('HSET', KEYS[1], 'inc', ARGV[1], 'oe', ARGV[2], 'on', ARGV[3], 'wn', ARGV[4], unpack(ARGV, 13, 12 + 2 * fields))
redis.call('EXPIRE', KEYS[1], ARGV[5])
local at = 13 + 2 * fields
for i = at, at + voids - 1 do redis.call('HDEL', KEYS[2], ARGV[i]) end
redis.call('HSET', KEYS[2], 'inc', ARGV[1])
for i = at + voids, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[6])
return {'OK'}
`,
  { safe: true },
);

/**
 * KEYS session, history. ARGV ttl, suffix. Renames what cannot be read as what it should be: another type, a session
 * without owner or data. What can be read stays, whoever repaired it meanwhile.
 */
export const SET_ASIDE = defineScript(
  'set_aside',
  `
local function damaged(key, session)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return false end
  if kind ~= 'hash' then return true end
  if not session then return false end
  local s = redis.call('HMGET', key, 'inc', 'oe', 'on', 'd')
  if not s[1] then return false end
  if not tonumber(s[2]) or not s[3] or not s[4] then return true end
  local ok, data = pcall(cjson.decode, s[4])
  return not ok or type(data) ~= 'table'
end
local moved = 0
for i = 1, 2 do
  if damaged(KEYS[i], i == 1) then
    local aside = KEYS[i] .. ':aside'
    if redis.call('EXISTS', aside) == 1 then aside = aside .. ':' .. ARGV[2] end
    redis.call('RENAME', KEYS[i], aside)
    redis.call('EXPIRE', aside, ARGV[1])
    moved = moved + 1
  end
end
return {'OK', moved}
`,
);
