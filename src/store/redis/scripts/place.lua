-- Inserted at the start of the scripts that assign places (see `scripts.rs`). Numbers above 2^53 do not occur.
local function text(n)
  return string.format('%.0f', n)
end

-- The last place before `n` new ones. Entries, deliveries and dead letters of a school share a
-- counter. If it has vanished from a store that is not new, it continues from the server's
-- microseconds, which no counter reaches: places never repeat. `others` are the keys that hold places, and the
-- store's token.
local function places(counter, others, n)
  if redis.call('EXISTS', counter) == 0 and redis.call('EXISTS', unpack(others)) > 0 then
    local now = redis.call('TIME')
    redis.call('SET', counter, text(tonumber(now[1]) * 1000000 + tonumber(now[2])))
  end
  return redis.call('INCRBY', counter, n) - n
end
