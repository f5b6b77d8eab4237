-- Hands out documents that are due, and those whose holder's lease has ended.
--
-- KEYS: documents due, documents held
-- ARGV: token, how many at most, lease (ms), how far ahead a time may lie (ms)
-- Returns their rooms, the longest due first.
--
-- What lies further ahead was noted before the clock stepped back: it is due, or it would wait for the clock.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rooms = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, ARGV[2])
if #rooms == 0 then
  local latest = string.format('(%.0f', now + ARGV[4])
  rooms = redis.call('ZRANGEBYSCORE', KEYS[1], latest, '+inf', 'LIMIT', 0, ARGV[2])
end
for _, room in ipairs(rooms) do
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), room)
  redis.call('HSET', KEYS[2], room, ARGV[1])
end
return rooms
