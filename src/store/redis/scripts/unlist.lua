#!lua
-- Takes out of a list the names whose own key is gone, and returns their places in ARGV, from 1.
-- KEYS: the list, then a key for each argument
-- ARGV: names
local gone = {}
if redis.call('EXISTS', unpack(KEYS, 2)) == #ARGV then
  return gone
end
for i = 1, #ARGV do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 and redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    gone[#gone + 1] = i
  end
end
return gone
