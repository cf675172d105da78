#!lua
-- Stores a verified request, unless it is a repeat. Returns 1 for a new one, 0 for a repeat.
-- KEYS: seen (or the counter again if every request counts), counter, inbox, raw, items, out, dead, token, and, if
--   the request is accepted once for its own id, the key of that id
-- ARGV: kind of key ('unique', 'last', 'always'), digest, life of the key in ms, microseconds, body, life of the id
local seen, counter, inbox, raw, items = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local way, digest, life = ARGV[1], ARGV[2], ARGV[3]
if KEYS[9] and not redis.call('SET', KEYS[9], '', 'NX', 'PX', ARGV[6]) then
  return 0
end
if way == 'unique' then
  if life ~= '0' and not redis.call('SET', seen, '', 'NX', 'PX', life) then
    return 0
  end
elseif way == 'last' then
  if redis.call('GET', seen) == digest then
    return 0
  end
  redis.call('SET', seen, digest, 'PX', life)
end
local seq = text(places(counter, {unpack(KEYS, 3, 8)}, 1) + 1)
redis.call('XADD', raw, seq .. '-0', 'a', ARGV[4], 'b', ARGV[5])
redis.call('ZADD', inbox, seq, seq)
return 1
