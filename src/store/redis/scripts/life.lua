#!lua flags=allow-oom
-- Says that a process lives, also when memory is full. Returns its last word; nothing if it has none, because it is new or
-- its time was over: then its leases are to be taken anew.
-- KEYS: life    ARGV: number of this word, milliseconds, 'begin' or 'go on'
local found = redis.call('GET', KEYS[1])
if ARGV[3] == 'begin' or (found and tonumber(found) < tonumber(ARGV[1])) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
elseif found then
  -- This word was given up, and a later one has come before it.
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return found
