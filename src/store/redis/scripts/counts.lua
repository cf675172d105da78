#!lua flags=no-writes
-- KEYS: inbox, out, promised, wake, dead, raw
-- Without the sign that the owner puts there (see `lease.lua`).
local function held(key)
  return redis.call('ZCARD', key) - (redis.call('ZSCORE', key, 'sign') and 1 or 0)
end
return {held(KEYS[1]), held(KEYS[2]), held(KEYS[3]) + held(KEYS[4]), held(KEYS[5]), redis.call('XLEN', KEYS[6])}
