-- Drops a room's entries below a position, and forgets the room when nothing is left.
--
-- KEYS: room stream, heads, epoch, folded
-- ARGV: room, position to keep from (inclusive)
-- Returns how many entries were dropped.
--
-- A forgotten room has no head any more, so its next entry names the floor as predecessor: the floor is at least the
-- newest entry of every forgotten room, so whoever missed one of those is told.
local dropped = redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
if redis.call('XLEN', KEYS[1]) == 0 then
  local head = redis.call('HGET', KEYS[2], ARGV[1])
  if head then
    local head_ms, head_seq = string.match(head, '^(%d+)%-(%d+)$')
    local floor = redis.call('HGET', KEYS[3], 'floor') or '0-0'
    local floor_ms, floor_seq = string.match(floor, '^(%d+)%-(%d+)$')
    head_ms, head_seq, floor_ms, floor_seq = tonumber(head_ms), tonumber(head_seq), tonumber(floor_ms), tonumber(floor_seq)
    if head_ms > floor_ms or (head_ms == floor_ms and head_seq > floor_seq) then
      redis.call('HSET', KEYS[3], 'floor', head)
    end
    redis.call('HDEL', KEYS[2], ARGV[1])
  end
  redis.call('HDEL', KEYS[4], ARGV[1])
  redis.call('DEL', KEYS[1])
end
return dropped
