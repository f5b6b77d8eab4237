-- Ends a job: the room is folded up to a position. If more came meanwhile, it is queued again.
--
-- KEYS: jobs, queued, heads, room stream, folded
-- ARGV: job group, job id, room, room group, position that is committed
-- Returns 1 when the room was queued again, else 0.
redis.call('HSET', KEYS[5], ARGV[3], ARGV[5])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
local newer = redis.call('XRANGE', KEYS[4], '(' .. ARGV[5], '+', 'COUNT', 1)
if newer[1] then
  redis.call('SADD', KEYS[2], ARGV[3])
  redis.call('XADD', KEYS[1], '*', 'room', ARGV[3])
  return 1
end
redis.call('SREM', KEYS[2], ARGV[3])
return 0
