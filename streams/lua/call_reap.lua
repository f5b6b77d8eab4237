-- Takes away the dialogs of event calls whose caller died, if the reaper still holds its lease.
--
-- KEYS: lease, calls
-- ARGV: the lease's token, the bus's channel, how many at most
-- A member of calls is the message that withdraws the call on all pages of its user.
-- Returns how many were withdrawn; -1 when the lease is somebody else's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local dead = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[3])
for _, withdrawal in ipairs(dead) do
  redis.call('PUBLISH', ARGV[2], withdrawal)
  redis.call('ZREM', KEYS[2], withdrawal)
end
return #dead
