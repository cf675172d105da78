#!lua flags=no-writes
-- Due wakes: members and milliseconds of the promised ones, then of the others.
-- KEYS: promised, wake    ARGV: until (milliseconds), at most of each
local function due(key)
  return redis.call('ZRANGE', key, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
end
return {due(KEYS[1]), due(KEYS[2])}
