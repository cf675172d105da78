#!lua flags=allow-oom
-- Removes requests from the oldest place on; stops at the first that is newer or still waits
-- in the inbox. It frees memory, so it may run when memory is full. Returns their number.
-- KEYS: raw, inbox    ARGV: before (microseconds), at most
local pending = redis.call('ZRANGE', KEYS[2], '(0', '+inf', 'BYSCORE', 'LIMIT', 0, 1)[1]
local from, last, gone = '-', nil, 0
while gone < tonumber(ARGV[2]) do
  local entry = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)[1]
  if not entry or tonumber(entry[2][2]) >= tonumber(ARGV[1]) then
    break
  end
  local seq = tonumber(string.match(entry[1], '^%d+'))
  if pending and seq >= tonumber(pending) then
    break
  end
  last, gone = seq, gone + 1
  from = '(' .. entry[1]
end
if last then
  redis.call('XTRIM', KEYS[1], 'MINID', text(last + 1))
end
return gone
