-- Counts sessions as viewers of rooms, and drops those that count no longer.
--
-- KEYS: per membership: members of its room
-- ARGV: ttl (s), then per membership: session id
local now, ttl = tonumber(redis.call('TIME')[1]), tonumber(ARGV[1])
for index, members in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', members, '-inf', now - 1)
  redis.call('ZADD', members, now + ttl, ARGV[index + 1])
  redis.call('EXPIRE', members, 2 * ttl)
end
