-- Opens an epoch when the log is new, or when another server process answers for it than the one that last did.
--
-- KEYS: epoch (hash), log (stream), heads (hash)
-- ARGV: highest position ms that the caller ever saw; margin in ms
-- Returns the epoch's position.
--
-- A restart or a failover may have lost appends that were acknowledged. The server's run_id tells that it happened
-- (master_replid also changes on a healthy primary, an hour after its last replica left). Positions begin again above
-- everything that the old server can have given out: above what survived, above what any caller saw, and `margin`
-- ahead of the clock, so that a new primary whose clock is behind does not give out an old position twice.
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local current = redis.call('HMGET', KEYS[1], 'run_id', 'position')
if current[1] == run_id and current[2] and redis.call('EXISTS', KEYS[2]) == 1 then
  return current[2]
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = tonumber(ARGV[1])
local last = 0
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
if newest[1] then
  last = tonumber(string.match(newest[1][1], '^(%d+)'))
end
local ms = math.max(now, last + 1, known + 1)
if current[1] or last > 0 or known > 0 then
  ms = ms + tonumber(ARGV[2])
end
local position = string.format('%.0f-0', ms)
redis.call('XADD', KEYS[2], position, 'r', 'system:epoch', 'e', 'epoch', 'd', '{}', 'p', position)
redis.call('HSET', KEYS[1], 'run_id', run_id, 'position', position)
-- A hash of few fields that a server loaded from its file is a list, slow to find in, until it once had a long value.
local room = redis.call('HRANDFIELD', KEYS[3])
if room then
  local head = redis.call('HGET', KEYS[3], room)
  redis.call('HSET', KEYS[3], room, string.rep('0', 100))
  redis.call('HSET', KEYS[3], room, head)
end
return position
