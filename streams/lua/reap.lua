-- Drops what sorted sets keep after its time, if the caller still holds the lease.
--
-- KEYS: lease, then sorted sets whose scores are Unix ms
-- ARGV: the holder's token
-- Returns how many were dropped; -1 when the lease is somebody else's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return -1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local dropped = 0
for index = 2, #KEYS do
  dropped = dropped + redis.call('ZREMRANGEBYSCORE', KEYS[index], '-inf', now)
end
return dropped
