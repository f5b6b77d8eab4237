-- Holds a document on.
--
-- KEYS: documents due, documents held
-- ARGV: room, token, lease (ms)
-- Returns 1, or 0 when somebody else holds it, or nobody.
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[1])
return 1
