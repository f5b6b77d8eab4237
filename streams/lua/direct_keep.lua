-- Keeps a direct completion's channel open: somebody waits for its lines.
--
-- KEYS: directs, the run of its fence
-- ARGV: channel, run, ttl (s)
local time = redis.call('TIME')
local now, ttl = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], now + ttl * 1000, ARGV[1])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ttl)
