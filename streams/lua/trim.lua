-- Drops a room's entries below a position, and forgets the room when nothing is left and its head is below it too.
--
-- KEYS: room stream, heads, epoch, folded, document hash
-- ARGV: room, position to keep from (inclusive)
-- Returns how many entries were dropped.
--
-- A forgotten room has no head any more, so its next entry names the floor as predecessor: the floor is at least the
-- newest entry of every forgotten room, so whoever missed one of those is told.
local function below(one, two)
  local one_ms, one_seq = string.match(one, '^(%d+)%-(%d+)$')
  local two_ms, two_seq = string.match(two, '^(%d+)%-(%d+)$')
  one_ms, one_seq, two_ms, two_seq = tonumber(one_ms), tonumber(one_seq), tonumber(two_ms), tonumber(two_seq)
  return one_ms < two_ms or (one_ms == two_ms and one_seq < two_seq)
end

local dropped = redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
local head = redis.call('HGET', KEYS[2], ARGV[1])
if redis.call('XLEN', KEYS[1]) == 0 and not (head and below(ARGV[2], head)) then
  if head then
    local floor = redis.call('HGET', KEYS[3], 'floor') or '0-0'
    if below(floor, head) then
      redis.call('HSET', KEYS[3], 'floor', head)
    end
    redis.call('HDEL', KEYS[2], ARGV[1])
  end
  redis.call('HDEL', KEYS[4], ARGV[1])
  redis.call('DEL', KEYS[1], KEYS[5])
end
return dropped
