-- Makes a document due that waits for nobody (what was kept of that was lost).
--
-- KEYS: documents due, documents held
-- ARGV: room
-- Returns 1 when it was not due.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], string.format('%.0f', time[1] * 1000), ARGV[1])
return 1
