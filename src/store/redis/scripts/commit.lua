#!lua
-- Units of work of one school, one after another, each whole or not at all: it looks at everything first, then writes
-- everything. Returns for each unit {'ok', a place or '' for each delivery, names of records that had been lost},
-- {'fenced'}, {'conflict', what} or {'unreadable', what}.
-- KEYS: lease, counter, inbox, raw, items, wake, promised, links, names, out, dead, token; then for each unit one for
--   each put, delivery, journal entry, dead letter and thing to forget, in this order.
-- ARGV: length limit of the journal; then for each unit: fence, microseconds, nine parts, each with its length
--   first; see `unit.rs`.
local lease, counter, inbox, raw, items = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local wake, promised, links, names, out, dead = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local cursor, next_key = 2, 12

-- One command for many arguments. Lua hands over so many at a time that keys and their values stay together.
local together_max = 1000
local function call_all(command, key, args)
  for from = 1, #args, together_max do
    local to = math.min(from + together_max - 1, #args)
    if key then
      redis.call(command, key, unpack(args, from, to))
    else
      redis.call(command, unpack(args, from, to))
    end
  end
end

-- A part is the index before its first argument and its number of rows.
local function part(width)
  local rows = tonumber(ARGV[cursor])
  local from = cursor
  cursor = cursor + 1 + rows * width
  return from, rows
end

local function version_of(key, name)
  local stored = redis.call('GETRANGE', key, 0, 20)
  local version = stored == '' and 0 or tonumber(string.match(stored, '^(%d+):'))
  return version, version or {'unreadable', 'record ' .. name}
end

-- Where the parts of the next unit are; moves on behind it.
local function layout()
  local at = {fence = ARGV[cursor], now = ARGV[cursor + 1]}
  cursor = cursor + 2
  at.ack, at.acks = part(1)
  at.append, at.appends = part(1)
  at.put, at.puts = part(3)
  at.link, at.link_rows = part(2)
  at.sleep, at.sleeps = part(1)
  at.set, at.sets = part(3)
  at.deliver, at.deliveries = part(3)
  at.journal, at.journals = part(1)
  at.bury, at.buries = part(3)
  at.forget, at.forgets = part(3)
  at.put_key = next_key
  at.deliver_key = at.put_key + at.puts
  at.journal_key = at.deliver_key + at.deliveries
  at.bury_key = at.journal_key + at.journals
  at.forget_key = at.bury_key + at.buries
  next_key = at.forget_key + at.forgets
  return at
end

local function apply(at)
  local held = redis.call('GET', lease)
  if not held or string.match(held, '^%S+ (.*)$') ~= at.fence then
    return {'fenced'}
  end
  local ack, acks, append, appends = at.ack, at.acks, at.append, at.appends
  local put, puts, link, link_rows = at.put, at.puts, at.link, at.link_rows
  local sleep, sleeps, set, sets = at.sleep, at.sleeps, at.set, at.sets
  local deliver, deliveries, journal, journals = at.deliver, at.deliveries, at.journal, at.journals
  local bury, buries, forget, forgets = at.bury, at.buries, at.forget, at.forgets
  local put_key, deliver_key, journal_key = at.put_key, at.deliver_key, at.journal_key
  local bury_key, forget_key = at.bury_key, at.forget_key

  -- First pass. `seen` records the changes of the earlier rows of the unit.
  local fresh = appends
  local seen = {}
  for i = 1, acks do
    local seq = ARGV[ack + i]
    if seen[seq] or not redis.call('ZSCORE', inbox, seq) then
      return {'conflict', 'entry ' .. seq}
    end
    seen[seq] = true
  end

  -- Most of what is new is not there, and one look tells it of all.
  local news = {}
  for i = 0, puts - 1 do
    if ARGV[put + i * 3 + 2] == '0' then
      news[#news + 1] = KEYS[put_key + i + 1]
    end
  end
  for i = 0, deliveries - 1 do
    if ARGV[deliver + i * 3 + 1] == 'add' then
      news[#news + 1] = KEYS[deliver_key + i + 1]
    end
  end
  local absent = {}
  if #news > 0 and #news <= together_max and redis.call('EXISTS', unpack(news)) == 0 then
    for _, key in ipairs(news) do
      absent[key] = true
    end
  end

  seen = {}
  for i = 0, puts - 1 do
    local key, expect = KEYS[put_key + i + 1], tonumber(ARGV[put + i * 3 + 2])
    local version = seen[key] or (absent[key] and 0)
    if not version then
      local damage
      version, damage = version_of(key, ARGV[put + i * 3 + 1])
      if not version then
        return damage
      end
    end
    if version ~= expect then
      return {'conflict', 'record ' .. ARGV[put + i * 3 + 1]}
    end
    seen[key] = expect + 1
  end

  local versions = seen

  -- A delivery's state is the first character: 'r' may be revoked, 's' has left; '' does not exist.
  seen = {}
  local doing = {}
  for i = 0, deliveries - 1 do
    local key, id = KEYS[deliver_key + i + 1], ARGV[deliver + i * 3 + 2]
    local op, state = ARGV[deliver + i * 3 + 1], seen[key]
    if not state and absent[key] then
      state = ''
    elseif not state then
      state = redis.call('GETRANGE', key, 0, 0)
      -- One whose place was evicted is in no list any more: it is added again.
      if op == 'add' and state ~= '' and not redis.call('ZSCORE', out, id) then
        state = ''
      end
    end
    doing[i] = true
    if op == 'add' then
      -- A command that is already pending is not added twice.
      doing[i] = state == ''
      if doing[i] then
        fresh = fresh + 1
        state = string.sub(ARGV[deliver + i * 3 + 3], 1, 1)
      end
    elseif op == 'revoke' then
      doing[i] = state == 'r'
      if doing[i] then
        state = ''
      end
    elseif state == '' then
      return {'conflict', 'delivery ' .. id}
    elseif op == 'update' then
      state = string.sub(ARGV[deliver + i * 3 + 3], 1, 1)
    else
      state = ''
    end
    seen[key] = state
  end

  seen = {}
  for i = 0, buries - 1 do
    local key, id = KEYS[bury_key + i + 1], ARGV[bury + i * 3 + 2]
    local op = ARGV[bury + i * 3 + 1]
    if op == 'bury' then
      fresh = fresh + 1
    elseif (seen[key] or redis.call('EXISTS', key)) == 0 then
      return {'conflict', 'dead letter ' .. id}
    end
    seen[key] = op == 'dig' and 0 or 1
  end

  for i = 1, journals do
    -- A key of another type is found here.
    redis.call('LLEN', KEYS[journal_key + i])
  end

  for i = 0, forgets - 1 do
    if ARGV[forget + i * 3 + 1] == 'record' then
      local key, name = KEYS[forget_key + i + 1], ARGV[forget + i * 3 + 2]
      local version, damage = versions[key], nil
      if not version then
        version, damage = version_of(key, name)
      end
      if not version then
        return damage
      end
      if version ~= 0 and version ~= tonumber(ARGV[forget + i * 3 + 3]) then
        return {'conflict', 'record ' .. name}
      end
      versions[key] = 0
    end
  end

  -- Second pass: no refusal is possible any more.
  local place = 0
  if fresh > 0 then
    place = places(counter, {inbox, raw, items, out, dead, KEYS[12]}, fresh)
  end
  local function next_place()
    place = place + 1
    return text(place)
  end

  for i = 1, acks do
    local seq = ARGV[ack + i]
    redis.call('ZREM', inbox, seq)
    redis.call('XDEL', items, seq .. '-0')
  end
  for i = 1, appends do
    local seq = next_place()
    redis.call('XADD', items, seq .. '-0', 'a', at.now, 'b', ARGV[append + i])
    redis.call('ZADD', inbox, seq, seq)
  end
  -- Records that were listed and not there: they are written again.
  local again, bodies, listed = {}, {}, {}
  for i = 0, puts - 1 do
    local key, name = KEYS[put_key + i + 1], ARGV[put + i * 3 + 1]
    bodies[#bodies + 1], bodies[#bodies + 2] = key, ARGV[put + i * 3 + 3]
    -- Also an older one: a list of names that was lost comes back.
    listed[#listed + 1], listed[#listed + 2] = 0, name
    if ARGV[put + i * 3 + 2] == '0' and redis.call('ZSCORE', names, name) then
      again[#again + 1] = name
    end
  end
  call_all('ZADD', names, listed)
  local found = {}
  for i = 0, link_rows - 1 do
    local name, value = ARGV[link + i * 2 + 1], ARGV[link + i * 2 + 2]
    if value == '' then
      call_all('HSET', links, found)
      found = {}
      redis.call('HDEL', links, name)
    else
      found[#found + 1], found[#found + 2] = name, string.sub(value, 2)
    end
  end
  call_all('HSET', links, found)
  -- Sleep before wake: if a unit names a member in both, one wake too many does no harm.
  for i = 1, sleeps do
    redis.call('ZREM', wake, ARGV[sleep + i])
    redis.call('ZREM', promised, ARGV[sleep + i])
  end
  for i = 0, sets - 1 do
    local member, at = ARGV[set + i * 3 + 1], ARGV[set + i * 3 + 2]
    if ARGV[set + i * 3 + 3] == 'promised' then
      redis.call('ZREM', wake, member)
      redis.call('ZADD', promised, at, member)
    else
      redis.call('ZREM', promised, member)
      redis.call('ZADD', wake, at, member)
    end
  end
  local answer, added = {'ok'}, {}
  for i = 0, deliveries - 1 do
    answer[i + 2] = ''
    if doing[i] then
      local key, id = KEYS[deliver_key + i + 1], ARGV[deliver + i * 3 + 2]
      local op, body = ARGV[deliver + i * 3 + 1], ARGV[deliver + i * 3 + 3]
      if op == 'add' then
        answer[i + 2] = next_place()
        added[#added + 1], added[#added + 2] = answer[i + 2], id
        bodies[#bodies + 1], bodies[#bodies + 2] = key, body
      elseif op == 'update' then
        bodies[#bodies + 1], bodies[#bodies + 2] = key, body
      else
        -- What the unit has added before is removed as well.
        call_all('ZADD', out, added)
        call_all('MSET', nil, bodies)
        added, bodies = {}, {}
        answer[i + 2] = redis.call('ZSCORE', out, id) or ''
        redis.call('ZREM', out, id)
        redis.call('DEL', key)
      end
    end
  end
  call_all('ZADD', out, added)
  call_all('MSET', nil, bodies)
  for i = 1, journals do
    if redis.call('RPUSH', KEYS[journal_key + i], ARGV[journal + i]) > tonumber(ARGV[1]) then
      redis.call('LTRIM', KEYS[journal_key + i], '-' .. ARGV[1], -1)
    end
  end
  for i = 0, buries - 1 do
    local key, id = KEYS[bury_key + i + 1], ARGV[bury + i * 3 + 2]
    local op = ARGV[bury + i * 3 + 1]
    if op == 'dig' then
      redis.call('ZREM', dead, id)
      redis.call('DEL', key)
    else
      if op == 'bury' then
        redis.call('ZADD', dead, next_place(), id)
      end
      redis.call('SET', key, ARGV[bury + i * 3 + 3])
    end
  end
  for i = 0, forgets - 1 do
    local what, name = ARGV[forget + i * 3 + 1], ARGV[forget + i * 3 + 2]
    local key = KEYS[forget_key + i + 1]
    if what == 'record' then
      redis.call('DEL', key)
      redis.call('ZREM', names, name)
    elseif what == 'journal' then
      redis.call('DEL', key)
    elseif not redis.call('ZSCORE', inbox, name) then
      redis.call('XDEL', key, name .. '-0')
    end
  end
  for _, name in ipairs(again) do
    answer[#answer + 1] = name
  end
  return answer
end

-- A key of another kind, which the first pass meets: it refuses its own unit only.
local function applied(at)
  local ok, answer = pcall(apply, at)
  if ok then
    return answer
  end
  local why = type(answer) == 'table' and answer.err or tostring(answer)
  if string.find(why, 'WRONGTYPE', 1, true) then
    return {'unreadable', why}
  end
  error(answer)
end

local damaged = check_kinds({'string', 'string', 'zset', 'stream', 'stream', 'zset', 'zset', 'hash', 'zset', 'zset', 'zset',
  'string'})
if damaged then
  return damaged
end
local answers = {}
while cursor <= #ARGV do
  answers[#answers + 1] = applied(layout())
end
return answers
