#!lua
-- Appends an entry that is not a request.
-- KEYS: counter, inbox, raw, items    ARGV: microseconds, body
local seq = text(places(KEYS[1], KEYS[3], KEYS[4], 1) + 1)
redis.call('XADD', KEYS[4], seq .. '-0', 'a', ARGV[1], 'b', ARGV[2])
redis.call('ZADD', KEYS[2], seq, seq)
return 1
