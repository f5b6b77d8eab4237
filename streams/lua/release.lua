-- Ends jobs: their rooms are folded up to a position. Where more came meanwhile, the room is queued again.
--
-- KEYS: jobs, queued, folded, then per job: room stream
-- ARGV: job group, then per job: job id, room, position that is committed
-- Returns per job 1 when the room was queued again, else 0.
--
-- A job that is not pending any more was ended by another worker, which has seen to the room.
local jobs, queued, folded, group = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local again = {}
for index = 1, #KEYS - 3 do
  local id, room, committed = ARGV[index * 3 - 1], ARGV[index * 3], ARGV[index * 3 + 1]
  again[index] = 0
  if redis.call('XACK', jobs, group, id) == 1 then
    redis.call('XDEL', jobs, id)
    redis.call('HSET', folded, room, committed)
    if redis.call('XRANGE', KEYS[index + 3], '(' .. committed, '+', 'COUNT', 1)[1] then
      redis.call('SADD', queued, room)
      redis.call('XADD', jobs, '*', 'room', room)
      again[index] = 1
    else
      redis.call('SREM', queued, room)
    end
  end
end
return again
