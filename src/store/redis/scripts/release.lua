#!lua flags=allow-oom
-- KEYS: lease    ARGV: fence
local lease = redis.call('GET', KEYS[1])
if lease and string.match(lease, '^%S+ (.*)$') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
