/**
 * The Lua scripts of session and journal. A session is a hash: inc, oe, on (who owns it), me, mw (media epoch and
 * worker), seq, cid (last number and commit), ar (archived through), d (state, JSON), say (sealed). The journal is a
 * hash of turns by sequence number. Each script checks before it writes, sets the TTL in the same step, and answers
 * {verdict, …}; verdicts: OK, ABSENT, UNREADABLE, FENCED, DIVERGED.
 */
import { defineScript } from './redis/scripts.js';

/** Equality of incarnation, owner epoch and nonce; what differs decides who is stale. */
const FENCE = `
local function fence(key, inc, oe, on)
  local s = redis.call('HMGET', key, 'inc', 'oe', 'on', 'seq', 'cid')
  if not s[1] then
    if redis.call('EXISTS', key) == 1 then return 'DIVERGED', s end
    return 'ABSENT', s
  end
  if s[1] ~= inc or tonumber(s[2]) > tonumber(oe) then return 'FENCED', s end
  if s[2] ~= oe or s[3] ~= on then return 'DIVERGED', s end
  return 'OK', s
end
`;

/**
 * KEYS session. ARGV nonce, ttl, incarnation ('' = do not create), data.
 * The same nonce claims once, so a lost reply does no harm.
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
  redis.call('HSET', key, 'inc', ARGV[3], 'oe', 1, 'on', ARGV[1], 'me', 0, 'mw', '', 'seq', 0, 'cid', '',
    'ar', 0, 'd', ARGV[4], 'say', '')
elseif s[2] ~= ARGV[1] then
  redis.call('HINCRBY', key, 'oe', 1)
  redis.call('HSET', key, 'on', ARGV[1])
end
redis.call('EXPIRE', key, ARGV[2])
return {'OK', redis.call('HGETALL', key)}
`,
  { safe: true },
);

/**
 * KEYS session, history. ARGV inc, oe, on, from seq, commit id, session ttl, history ttl, number of turns, turns…,
 * then pairs of fields. Appends, moves the cursor, renews both TTLs: O(1) in the length of the call.
 */
export const COMMIT = defineScript(
  'turn_commit',
  `${FENCE}
local verdict, s = fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if verdict ~= 'OK' then return {verdict} end
if s[5] == ARGV[5] then return {'OK'} end
if s[4] ~= ARGV[4] then return {'DIVERGED'} end
local seq, n = tonumber(ARGV[4]), tonumber(ARGV[8])
local turns = {}
for i = 1, n do
  turns[#turns + 1] = seq + i
  turns[#turns + 1] = ARGV[8 + i]
end
redis.call('HSET', KEYS[2], unpack(turns))
redis.call('EXPIRE', KEYS[2], ARGV[7])
redis.call('HSET', KEYS[1], 'seq', seq + n, 'cid', ARGV[5], unpack(ARGV, 9 + n))
redis.call('EXPIRE', KEYS[1], ARGV[6])
return {'OK'}
`,
  { safe: true },
);

/** KEYS session. ARGV inc, oe, on, ttl, pairs of fields. Values are absolute: twice is once. */
export const WRITE = defineScript(
  'session_write',
  `${FENCE}
local verdict = fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if verdict ~= 'OK' then return {verdict} end
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[1], ARGV[4])
return {'OK'}
`,
  { safe: true },
);

/**
 * KEYS session, history. ARGV inc, oe, on, session ttl, history ttl, number of fields n, fields (2n), then pairs of
 * seq and turn. Writes everything again after the store went back in time; refuses where a newer owner stands.
 */
export const RESTORE = defineScript(
  'session_restore',
  `${FENCE}
local verdict = fence(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if verdict == 'FENCED' then return {verdict} end
local n = tonumber(ARGV[6])
redis.call('HSET', KEYS[1], 'inc', ARGV[1], 'oe', ARGV[2], 'on', ARGV[3], unpack(ARGV, 7, 6 + 2 * n))
redis.call('EXPIRE', KEYS[1], ARGV[4])
for i = 7 + 2 * n, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[5])
return {'OK'}
`,
  { safe: true },
);
