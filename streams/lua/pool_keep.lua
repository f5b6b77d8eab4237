-- Keeps sessions in the pool that their connections still hold. An entry that is gone stays gone: whether its session
-- ended or nobody kept it for too long, only its node can tell.
--
-- KEYS: users, then per session: pool entry, sessions of its user
-- ARGV: ttl (ms), then per session: session id, user, connection
-- Returns the ids of those whose entry is gone.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl, gone = tonumber(ARGV[1]), {}
for index = 1, (#KEYS - 1) / 2 do
  local entry, sessions = KEYS[index * 2], KEYS[index * 2 + 1]
  local sid, user, connection = ARGV[index * 3 - 1], ARGV[index * 3], ARGV[index * 3 + 1]
  local holder = redis.call('HGET', entry, 'connection')
  if holder == connection then
    redis.call('PEXPIRE', entry, ttl)
    redis.call('ZREMRANGEBYSCORE', sessions, '-inf', now)
    redis.call('ZADD', sessions, now + ttl, sid)
    redis.call('PEXPIRE', sessions, ttl)
    redis.call('ZADD', KEYS[1], now + ttl, user)
  elseif not holder then
    gone[#gone + 1] = sid
  end
end
return gone
