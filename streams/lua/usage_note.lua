-- Notes that a model is in use, and drops those that are not any more.
--
-- KEYS: usage
-- ARGV: model, ttl (s)
local time = redis.call('TIME')
local now, ttl = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ttl * 1000, ARGV[1])
redis.call('EXPIRE', KEYS[1], ttl)
