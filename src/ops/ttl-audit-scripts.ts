/** Repairs, each decided and done in one step, so that nothing is expired that became unarchived meanwhile. */
import { defineScript } from '../stores/redis/scripts.js';

const CAP = `
local function cap(key, max)
  local left = redis.call('PTTL', key)
  if left == -2 or (left >= 0 and left <= max * 1000) then return 'fine' end
  redis.call('EXPIRE', key, max)
  return 'capped'
end
`;

/** KEYS key. ARGV its longest life, s. Answers fine or capped. */
export const CAP_TTL = defineScript('ttl_cap', `${CAP} return cap(KEYS[1], tonumber(ARGV[1]))`, {
  safe: true,
});

/**
 * KEYS key, session, summary, history of its call. ARGV its longest life, s. Caps only what belongs to a call that is
 * archived whole; else answers unarchived and leaves the key to the call's owner. In doubt it is unarchived.
 */
export const CAP_TTL_IF_ARCHIVED = defineScript(
  'ttl_cap_archived',
  `${CAP}
local function unarchived()
  if redis.call('TYPE', KEYS[2]).ok == 'hash' then
    local s = redis.call('HMGET', KEYS[2], 'inc', 'seq', 'ar', 'd')
    if s[1] then
      if (tonumber(s[2]) or 0) > (tonumber(s[3]) or 0) then return true end
      local ok, d = pcall(cjson.decode, s[4] or '')
      if not ok or type(d) ~= 'table' or type(d.state) ~= 'table' then return true end
      return d.state.phase ~= 'ended'
    end
  end
  if redis.call('EXISTS', KEYS[3]) == 1 then return false end
  return redis.call('EXISTS', KEYS[4]) == 1
end
local left = redis.call('PTTL', KEYS[1])
local max = tonumber(ARGV[1])
if left == -2 or (left >= 0 and left <= max * 1000) then return 'fine' end
if unarchived() then return 'unarchived' end
return cap(KEYS[1], max)
`,
  { safe: true },
);

/** KEYS live-call index. ARGV call, the score it had. Removes what nobody touched since. */
export const DROP_ENTRY = defineScript(
  'live_drop',
  `
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('ZREM', KEYS[1], ARGV[1])
`,
  { safe: true },
);
