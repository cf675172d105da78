#!lua flags=allow-oom
-- Takes or renews a school, also when memory is full: only its owner can free some.
-- Returns 1 when held, 0 when another owner is alive, 2 when the school was last worked with
-- another configuration that was loaded later.
-- KEYS: lease, plan    ARGV: fence, hash of the configuration, milliseconds, loaded in microseconds
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
