-- Removes the rooms of direct completions that nobody waits for any more.
--
-- KEYS: directs, heads, lease, then per channel: room stream, run
-- ARGV: the lease's token, or '' (the waiting process itself: remove whatever the time); then per channel: channel, room
-- Returns how many were removed; -1 when the lease is somebody else's.
--
-- Unlike trimming, this does not raise the log's floor: such a room never comes back, so nobody can miss anything of it.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' and redis.call('GET', KEYS[3]) ~= ARGV[1] then
  return -1
end
local removed = 0
for index = 1, (#KEYS - 3) / 2 do
  local channel, room = ARGV[index * 2], ARGV[index * 2 + 1]
  local ends = tonumber(redis.call('ZSCORE', KEYS[1], channel) or '0')
  if ARGV[1] == '' or ends < now then
    redis.call('DEL', KEYS[index * 2 + 2], KEYS[index * 2 + 3])
    redis.call('HDEL', KEYS[2], room)
    redis.call('ZREM', KEYS[1], channel)
    removed = removed + 1
  end
end
return removed
