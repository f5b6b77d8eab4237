-- Queues a room that has unfolded entries but no job (its job was lost with a failover, or its members were).
--
-- KEYS: jobs, queued, room stream
-- ARGV: room, position that is committed
-- Returns 1 when a job was added. While there are as many jobs as queued rooms, a queued room has its job.
local newer = redis.call('XRANGE', KEYS[3], '(' .. ARGV[2], '+', 'COUNT', 1)
if not newer[1] then
  return 0
end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 and redis.call('XLEN', KEYS[1]) >= redis.call('SCARD', KEYS[2]) then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('XADD', KEYS[1], '*', 'room', ARGV[1])
return 1
