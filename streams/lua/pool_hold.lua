-- Keeps connected sessions in the pool.
--
-- KEYS: users, then per session: pool entry, sessions of its user
-- ARGV: ttl (ms), how ('take': whoever has the entry; 'keep': not if another connection has it), then per session:
--       session id, user, connection, connected at (ms)
-- Returns how many are held by their connection.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl, held = tonumber(ARGV[1]), 0
for index = 1, (#KEYS - 1) / 2 do
  local entry, sessions = KEYS[index * 2], KEYS[index * 2 + 1]
  local at = index * 4 - 1
  local sid, user, connection, since = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local holder = redis.call('HGET', entry, 'connection')
  if ARGV[2] == 'take' or not holder or holder == connection then
    redis.call('HSET', entry, 'user', user, 'connection', connection, 'since', since)
    redis.call('PEXPIRE', entry, ttl)
    redis.call('ZREMRANGEBYSCORE', sessions, '-inf', now)
    redis.call('ZADD', sessions, now + ttl, sid)
    redis.call('PEXPIRE', sessions, ttl)
    redis.call('ZADD', KEYS[1], now + ttl, user)
    held = held + 1
  end
end
return held
