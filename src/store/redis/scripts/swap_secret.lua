#!lua
-- Replaces a secret if it still has the old value. Returns 1 if it was replaced.
-- KEYS: secret    ARGV: new, and old if one must exist
if redis.call('GET', KEYS[1]) ~= (ARGV[2] or false) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
