#!lua
-- Lists the next records that stand: the list of names may have been lost without them. Returns where to go on, 0 at
-- the end.
-- KEYS: names    ARGV: cursor, what the keys of records begin with, keys to look at
local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2] .. '*', 'COUNT', ARGV[3])
for _, key in ipairs(found[2]) do
  redis.call('ZADD', KEYS[1], 0, string.sub(key, #ARGV[2] + 1))
end
return found[1]
