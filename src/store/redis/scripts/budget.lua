#!lua
-- Takes one slot of an account's budget (GCRA). Returns the wait in milliseconds.
-- KEYS: account
-- ARGV: interval in ms, tolerance of the burst in ms, the largest credible distance into the future in ms, now in ms
--   or '' for the server's clock
local interval, burst, ahead = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
-- Driven time may stop while the server's time advances, so its budgets are kept for a day.
local life = 86400000
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
  life = 0
end
local slot = tonumber(redis.call('GET', KEYS[1]))
-- A budget used this far ahead means that the clock was set back.
if not slot or slot < now or slot > now + burst + ahead then
  slot = now
end
life = life + slot - now + interval + 1000
redis.call('SET', KEYS[1], string.format('%.3f', slot + interval), 'PX', string.format('%.0f', life))
return string.format('%.0f', math.ceil(math.max(slot - burst - now, 0)))
