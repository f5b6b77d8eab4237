-- Ends a task. If somebody asked for it to be stopped, how it ended stays readable for a moment.
--
-- KEYS: task, tasks of its item, all leases, remains, tasks of its user
-- ARGV: task id, how it ended, ms for which that is kept, '1' to leave its remains to the workers
local asked = redis.call('HEXISTS', KEYS[1], 'stop')
redis.call('DEL', KEYS[1])
if asked == 1 then
  redis.call('HSET', KEYS[1], 'ended', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
if ARGV[4] == '1' and redis.call('HEXISTS', KEYS[4], ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[3], 0, ARGV[1])
else
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('HDEL', KEYS[4], ARGV[1])
end
