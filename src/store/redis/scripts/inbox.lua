#!lua flags=no-writes
-- Entries after a place, oldest first: seq, 'r' (request), 'i' (item) or '' (body missing),
-- microseconds, body.
-- KEYS: inbox, raw, items    ARGV: after, at most, bytes at most
local out, bytes = {}, 0
local seqs = redis.call('ZRANGE', KEYS[1], '(' .. ARGV[1], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, seq in ipairs(seqs) do
  local kind = 'r'
  local found = redis.call('XRANGE', KEYS[2], seq, seq)[1]
  if not found then
    kind = 'i'
    found = redis.call('XRANGE', KEYS[3], seq, seq)[1]
  end
  local at, body = '0', ''
  if found then
    at, body = found[2][2], found[2][4]
  else
    kind = ''
  end
  bytes = bytes + #body
  if bytes > tonumber(ARGV[3]) and #out > 0 then
    break
  end
  out[#out + 1] = seq
  out[#out + 1] = kind
  out[#out + 1] = at
  out[#out + 1] = body
end
return out
