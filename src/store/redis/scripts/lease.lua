#!lua flags=allow-oom
-- Takes or renews a school, also when memory is full: only its owner can free some.
-- Returns {lease, token, {place, orders, deliveries, wakes, records, links, dead}, {signs}, beat}. The lease is 1 when held, 0
-- when another owner is alive, 2 when the school was last worked with another configuration that was loaded
-- later. The token and the counts show whether the store is still the one of the last renewal; a sign is 1
-- where what always stands in wakes, names, links, promised, inbox, out or dead stood there: in the last four the owner
-- puts it here, in the others elsewhere. The beat is what the renewal before this one left.
-- KEYS: lease, plan, token, counter, out, wake, promised, names, links, beat, inbox, dead, raw, items
-- ARGV: fence, hash of the configuration, milliseconds, loaded in microseconds, a token for a store without one,
--   the signs: member of wake, name of a record, name of a link; the beat of this renewal: process, number; the life
--   on which the lease depends or ''; a lease whose life has ended or ''
-- The owner of a lease, and the life on which it depends, '-' without one: `life owner`.
local function owner_of(lease)
  local life, owner = string.match(lease, '^(%S+) (.*)$')
  return owner, life
end

-- Whether the lease that stands may be replaced.
local function is_free()
  local lease = redis.pcall('GET', KEYS[1])
  if type(lease) == 'table' then
    -- The lease of an older version, or no lease at all.
    local owner = redis.pcall('HGET', KEYS[1], 'owner')
    lease = type(owner) == 'string' and '- ' .. owner
  end
  if not lease or lease == ARGV[12] then
    return true
  end
  local owner, life = owner_of(lease)
  if not owner then
    return true
  end
  -- A former run of the same instance is dead, and so is a former owner of this life: its lease is taken at once.
  local own = string.match(ARGV[1], '^.+/')
  return owner == ARGV[1] or (own and string.sub(owner, 1, #own) == own) or life == ARGV[11]
end

local function take()
  if not is_free() then
    return 0
  end
  local config, loaded = unpack(redis.call('HMGET', KEYS[2], 'config', 'loaded'))
  if config and config ~= ARGV[2] and tonumber(loaded) >= tonumber(ARGV[4]) then
    return 2
  end
  if config ~= ARGV[2] or tonumber(loaded) < tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[2], 'config', ARGV[2], 'loaded', ARGV[4])
  end
  redis.call('SET', KEYS[1], (ARGV[11] == '' and '-' or ARGV[11]) .. ' ' .. ARGV[1], 'PX', ARGV[3])
  return 1
end

local lease = take()
if redis.call('SET', KEYS[3], ARGV[5], 'NX')
  and redis.call('EXISTS', KEYS[4], KEYS[5], KEYS[8], KEYS[11], KEYS[12], KEYS[13], KEYS[14]) == 0 then
  -- A new school counts its places from the start.
  redis.call('SET', KEYS[4], 0)
end
local beat = redis.call('GET', KEYS[10]) or ''
-- A renewal that was given up may be carried out after the next one: its beat is not left behind.
local by, n = string.match(beat, '^(.*) (%d+)$')
if lease == 1 and not (by == ARGV[9] and tonumber(n) > tonumber(ARGV[10])) then
  redis.call('SET', KEYS[10], ARGV[9] .. ' ' .. ARGV[10])
end
-- Whether the sign stood there, and how many others do. Where places are scores, it stands before the first one; no
-- wake is ever due at its time.
local function sign(key, score)
  local stood = redis.call('ZSCORE', key, 'sign') and 1 or 0
  if lease == 1 and stood == 0 then
    redis.call('ZADD', key, score, 'sign')
    return stood, redis.call('ZCARD', key) - 1
  end
  return stood, redis.call('ZCARD', key) - stood
end
local promised, promises = sign(KEYS[7], '+inf')
local inbox = sign(KEYS[11], 0)
local out, deliveries = sign(KEYS[5], 0)
local dead, letters = sign(KEYS[12], 0)
-- '0' follows '/': all names that begin with 'order/'.
local orders = redis.call('ZLEXCOUNT', KEYS[8], '[order/', '(order0')
return {lease, redis.call('GET', KEYS[3]), {
  tonumber(redis.call('GET', KEYS[4]) or 0), orders, deliveries, redis.call('ZCARD', KEYS[6]) + promises,
  redis.call('ZCARD', KEYS[8]), redis.call('HLEN', KEYS[9]), letters},
  {redis.call('ZSCORE', KEYS[6], ARGV[6]) and 1 or 0, redis.call('ZSCORE', KEYS[8], ARGV[7]) and 1 or 0,
  redis.call('HEXISTS', KEYS[9], ARGV[8]), promised, inbox, out, dead}, beat}
