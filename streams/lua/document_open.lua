-- Opens a document: keeps what a caller read of it in SQL and in its room, unless the room moved on meanwhile.
--
-- KEYS: document hash, heads, epoch
-- ARGV: room, head that the caller saw ('0-0': none), document epoch, ttl (s), bytes of the state, updates above it,
--       their bytes, then per client: field, clock
-- Returns 1 when the hash says it now, 0 when it was open or the head is another.
--
-- A hash of an older epoch of the log says nothing: its server may have lost what SQL, or a client, still has.
local log_epoch = redis.call('HGET', KEYS[3], 'position')
if not log_epoch or redis.call('HGET', KEYS[1], 'log') == log_epoch then
  return 0
end
if (redis.call('HGET', KEYS[2], ARGV[1]) or '0-0') ~= ARGV[2] then
  return 0
end

redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'log', log_epoch, 'bytes', ARGV[5] + ARGV[7], 'n', ARGV[6],
  'new', ARGV[7])
for at = 8, #ARGV, 1000 do
  redis.call('HSET', KEYS[1], 'begun', '1', unpack(ARGV, at, math.min(at + 999, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
