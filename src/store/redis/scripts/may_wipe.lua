#!lua flags=no-writes
-- Whether the user may have Redis write its files anew, without doing it: 1, or 0.
-- A server that cannot be asked is believed; a command that it does not know cannot be run.
if not redis.acl_check_cmd then
  return 1
end
local function may(...)
  local is_known, allowed = pcall(redis.acl_check_cmd, ...)
  return is_known and allowed
end
return may('BGREWRITEAOF') and may('BGSAVE', 'SCHEDULE') and 1 or 0
