-- Inserted at the start of the scripts that assign places (see `scripts.rs`). Numbers above 2^53 do not occur.
local function text(n)
  return string.format('%.0f', n)
end

-- The last place before `n` new ones. Entries, deliveries and dead letters of a school share a
-- counter. If it has vanished although requests or items exist, it continues from the server's
-- microseconds, which no counter reaches: places never repeat.
local function places(counter, raw, items, n)
  local last = redis.call('INCRBY', counter, n)
  if last == n and redis.call('EXISTS', raw, items) > 0 then
    local now = redis.call('TIME')
    last = tonumber(now[1]) * 1000000 + tonumber(now[2]) + n
    redis.call('SET', counter, text(last))
  end
  return last - n
end
