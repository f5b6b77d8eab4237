-- Takes a session out of the pool, unless another connection has it by now.
--
-- KEYS: users, pool entry, sessions of its user
-- ARGV: session id, user, connection
-- Returns 1 when it was taken out, else 0.
if redis.call('HGET', KEYS[2], 'connection') ~= ARGV[3] then
  return 0
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('ZCOUNT', KEYS[3], now, '+inf') == 0 then
  redis.call('DEL', KEYS[3])
  redis.call('ZREM', KEYS[1], ARGV[2])
end
return 1
