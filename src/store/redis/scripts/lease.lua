#!lua flags=allow-oom
-- Takes or renews a school, also when memory is full: its owner is the one who frees some. Returns 1 when held, 0 when another owner is alive, whatever its
-- configuration is: the hash is kept beside the owner for people who ask why.
-- KEYS: lease    ARGV: fence, hash of the configuration, milliseconds
local owner = redis.call('HGET', KEYS[1], 'owner')
if owner and owner ~= ARGV[1] then
  -- A former run of the same instance is dead: its lease is not waited for.
  local own = string.match(ARGV[1], '^.+/')
  if not own or string.sub(owner, 1, #own) ~= own then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'config', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
