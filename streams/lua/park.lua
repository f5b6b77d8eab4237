-- Parks an entry that the fold refused in the dead-letter stream, once.
--
-- KEYS: dead, dead index
-- ARGV: room, position, event, data, error
-- Returns the dead letter's ID.
local name = ARGV[1] .. '@' .. ARGV[2]
local known = redis.call('HGET', KEYS[2], name)
if known then
  return known
end
local id = redis.call('XADD', KEYS[1], '*',
  'room', ARGV[1], 'position', ARGV[2], 'event', ARGV[3], 'data', ARGV[4], 'error', ARGV[5])
redis.call('HSET', KEYS[2], name, id)
return id
