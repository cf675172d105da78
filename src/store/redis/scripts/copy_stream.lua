#!lua
-- Copies the next entries of a stream; behind the last one the copy takes the stream's place. Returns the id to go
-- on after, `done`, or `changed` if entries that were copied have been deleted meanwhile: then begin again.
-- KEYS: stream, its copy    ARGV: from, at most
if ARGV[1] == '-' then
  redis.call('DEL', KEYS[2])
end
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
for _, entry in ipairs(entries) do
  redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
end
if #entries == tonumber(ARGV[2]) then
  return entries[#entries][1]
end
local left = redis.call('XLEN', KEYS[1])
if left ~= redis.call('XLEN', KEYS[2]) then
  redis.call('DEL', KEYS[2])
  return 'changed'
end
if left == 0 then
  redis.call('DEL', KEYS[1])
else
  redis.call('RENAME', KEYS[2], KEYS[1])
end
return 'done'
