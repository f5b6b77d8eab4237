-- Registers a task, or keeps its lease.
--
-- KEYS: task, tasks of its item, all leases, remains, tasks of its user
-- ARGV: task id, lease in ms, remains (JSON of what a dead owner leaves to be closed, or ''),
--       then the record's field/value pairs: none to keep a lease, which does nothing when it has run out
-- Returns 0, 1 when somebody asked for the task to be stopped, or -1 when its lease had run out.
local task, leases, remains = KEYS[1], KEYS[3], KEYS[4]
local id, lease_ms = ARGV[1], tonumber(ARGV[2])
if #ARGV > 3 then
  redis.call('HSET', task, unpack(ARGV, 4))
  if ARGV[3] ~= '' then
    redis.call('HSET', remains, id, ARGV[3])
  end
elseif redis.call('EXISTS', task) == 0 then
  return -1
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('PEXPIRE', task, lease_ms)
redis.call('ZADD', leases, now + lease_ms, id)
for _, list in ipairs({KEYS[2], KEYS[5]}) do
  redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
  redis.call('ZADD', list, now + lease_ms, id)
  redis.call('PEXPIRE', list, lease_ms)
end
return redis.call('HEXISTS', task, 'stop')
