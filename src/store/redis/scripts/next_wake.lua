#!lua flags=no-writes
-- The earliest of each set, as {{member, milliseconds}, {member, milliseconds}}; either may be empty.
-- KEYS: promised, wake
return {redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES'), redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')}
