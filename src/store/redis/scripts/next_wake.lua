#!lua flags=no-writes
-- The earliest of each set, as {{member, milliseconds}, {member, milliseconds}}; either may be empty.
-- KEYS: promised, wake
local function first(key)
  return redis.call('ZRANGE', key, '-inf', '(+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
end
return {first(KEYS[1]), first(KEYS[2])}
