-- Puts a connected session into the pool.
--
-- KEYS: users, pool entry, sessions of its user
-- ARGV: ttl (ms), session id, user, connection, '1' not to take the entry from another connection
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[5] == '1' and redis.call('EXISTS', KEYS[2]) == 1 then
  return
end
local users, entry, sessions, ttl = KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1])
redis.call('HSET', entry, 'user', ARGV[3], 'connection', ARGV[4], 'since', now)
redis.call('PEXPIRE', entry, ttl)
redis.call('ZREMRANGEBYSCORE', sessions, '-inf', now)
redis.call('ZADD', sessions, now + ttl, ARGV[2])
redis.call('PEXPIRE', sessions, ttl)
redis.call('ZADD', users, now + ttl, ARGV[3])
