-- Inserted at the start of the scripts that write what cannot be taken back half-way (see `scripts.rs`). `kinds` says of
-- each of the first keys what it has to be, if it is there; another type is found before anything is written.
local function check_kinds(kinds)
  for i, kind in ipairs(kinds) do
    local found = redis.call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= kind then
      return redis.error_reply('DAMAGED ' .. string.match(KEYS[i], '[^:]*$') .. ' is a ' .. found .. ', not a ' .. kind)
    end
  end
end
