#!lua flags=allow-oom
-- Takes or renews a school, also when memory is full: only its owner can free some.
-- Returns {lease, token, {place, orders, deliveries, wakes, records, links, dead}, {signs}, beat}. The lease is 1 when held, 0
-- when another owner is alive, 2 when the school was last worked with another configuration that was loaded
-- later. The token and the counts show whether the store is still the one of the last renewal; a sign is 1
-- where what always stands in wakes, names, links, promised, inbox, out or dead stood there: in the last four the owner
-- puts it here, in the others elsewhere. The beat is what the renewal before this one left.
-- KEYS: lease, plan, token, counter, out, wake, promised, names, links, beat, inbox, dead, raw, items
-- ARGV: fence, hash of the configuration, milliseconds, loaded in microseconds, a token for a store without one,
--   the signs: member of wake, name of a record, name of a link; the beat of this renewal
local function take()
  local owner = redis.call('HGET', KEYS[1], 'owner')
  if owner and owner ~= ARGV[1] then
    -- A former run of the same instance is dead: its lease is taken at once.
    local own = string.match(ARGV[1], '^.+/')
    if not own or string.sub(owner, 1, #own) ~= own then
      return 0
    end
  end
  local config, loaded = unpack(redis.call('HMGET', KEYS[2], 'config', 'loaded'))
  if config and config ~= ARGV[2] and tonumber(loaded) >= tonumber(ARGV[4]) then
    return 2
  end
  if config ~= ARGV[2] or tonumber(loaded) < tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[2], 'config', ARGV[2], 'loaded', ARGV[4])
  end
  redis.call('HSET', KEYS[1], 'owner', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1
end

local lease = take()
if redis.call('SET', KEYS[3], ARGV[5], 'NX')
  and redis.call('EXISTS', KEYS[4], KEYS[5], KEYS[8], KEYS[11], KEYS[12], KEYS[13], KEYS[14]) == 0 then
  -- A new school counts its places from the start.
  redis.call('SET', KEYS[4], 0)
end
local beat = redis.call('GET', KEYS[10]) or ''
if lease == 1 then
  redis.call('SET', KEYS[10], ARGV[9])
end
-- Whether the sign stood there. Where places are scores, it stands before the first one; no wake is ever due at its
-- time.
local function sign(key, score)
  local stood = redis.call('ZSCORE', key, 'sign') and 1 or 0
  if lease == 1 and stood == 0 then
    redis.call('ZADD', key, score, 'sign')
  end
  return stood
end
local promised, inbox = sign(KEYS[7], '+inf'), sign(KEYS[11], 0)
local out, dead = sign(KEYS[5], 0), sign(KEYS[12], 0)
local function held(key)
  return redis.call('ZCARD', key) - (redis.call('ZSCORE', key, 'sign') and 1 or 0)
end
local wakes = held(KEYS[6]) + held(KEYS[7])
-- '0' follows '/': all names that begin with 'order/'.
local orders = redis.call('ZLEXCOUNT', KEYS[8], '[order/', '(order0')
return {lease, redis.call('GET', KEYS[3]), {
  tonumber(redis.call('GET', KEYS[4]) or 0), orders, held(KEYS[5]), wakes,
  redis.call('ZCARD', KEYS[8]), redis.call('HLEN', KEYS[9]), held(KEYS[12])},
  {redis.call('ZSCORE', KEYS[6], ARGV[6]) and 1 or 0, redis.call('ZSCORE', KEYS[8], ARGV[7]) and 1 or 0,
  redis.call('HEXISTS', KEYS[9], ARGV[8]), promised, inbox, out, dead}, beat}
