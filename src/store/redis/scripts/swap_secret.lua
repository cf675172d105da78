#!lua
-- Replaces a secret if it is still the old one. Returns 1 when replaced.
-- KEYS: secret    ARGV: new, and old where there must be one
if redis.call('GET', KEYS[1]) ~= (ARGV[2] or false) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
