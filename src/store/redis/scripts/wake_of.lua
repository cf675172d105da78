#!lua flags=no-writes
-- The milliseconds of a member's wake as {promised, usual}, each nil or a text.
-- KEYS: promised, wake    ARGV: member
return {redis.call('ZSCORE', KEYS[1], ARGV[1]), redis.call('ZSCORE', KEYS[2], ARGV[1])}
