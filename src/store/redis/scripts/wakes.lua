#!lua flags=no-writes
-- Due wakes: members and milliseconds of the promised ones, then of the others.
-- KEYS: promised, wake    ARGV: until (milliseconds), at most
local first = redis.call('ZRANGE', KEYS[1], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2], 'WITHSCORES')
local left = tonumber(ARGV[2]) - #first / 2
local rest = {}
if left > 0 then
  rest = redis.call('ZRANGE', KEYS[2], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, left, 'WITHSCORES')
end
return {first, rest}
