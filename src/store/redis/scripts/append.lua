#!lua
-- Appends an entry that is not a request.
-- KEYS: counter, inbox, raw, items, out, dead, token    ARGV: microseconds, body
local seq = text(places(KEYS[1], {unpack(KEYS, 2, 7)}, 1) + 1)
redis.call('XADD', KEYS[4], seq .. '-0', 'a', ARGV[1], 'b', ARGV[2])
redis.call('ZADD', KEYS[2], seq, seq)
return 1
