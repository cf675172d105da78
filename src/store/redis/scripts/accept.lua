#!lua
-- Stores verified requests, unless they are repeats. Returns for each 1 if it is new, 0 for a repeat.
-- KEYS: counter, inbox, raw, items, out, dead, token; then for each request: seen (or the counter again if every
--   request counts) and the key of its own id (or the counter again if `seen` does as well)
-- ARGV: for each request: kind of key ('unique', 'last', 'always'), digest, life of the key in ms, life of the id
--   ('0' without one), microseconds, body
local counter, inbox, raw = KEYS[1], KEYS[2], KEYS[3]
local others = {unpack(KEYS, 2, 7)}

local function is_repeat(seen, id, way, digest, life, id_life)
  if id_life ~= '0' and not redis.call('SET', id, '', 'NX', 'PX', id_life) then
    return true
  end
  if way == 'unique' then
    return life ~= '0' and not redis.call('SET', seen, '', 'NX', 'PX', life)
  elseif way == 'last' then
    if redis.call('GET', seen) == digest then
      return true
    end
    redis.call('SET', seen, digest, 'PX', life)
  end
  return false
end

local damaged = check_kinds({'string', 'zset', 'stream', 'stream', 'zset', 'zset', 'string'})
if damaged then
  return damaged
end
local answer, taken = {}, {}
for i = 1, #ARGV / 6 do
  local key, arg = 7 + (i - 1) * 2, (i - 1) * 6
  if is_repeat(KEYS[key + 1], KEYS[key + 2], unpack(ARGV, arg + 1, arg + 4)) then
    answer[i] = 0
  else
    answer[i] = 1
    taken[#taken + 1] = arg
  end
end
if #taken > 0 then
  local place, entries = places(counter, others, #taken), {}
  for i, arg in ipairs(taken) do
    local seq = text(place + i)
    redis.call('XADD', raw, seq .. '-0', 'a', ARGV[arg + 5], 'b', ARGV[arg + 6])
    entries[#entries + 1], entries[#entries + 2] = seq, seq
  end
  redis.call('ZADD', inbox, unpack(entries))
end
return answer
