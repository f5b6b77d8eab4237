-- Takes a lease that nobody holds, or that the caller holds already: an earlier try, its answer lost.
--
-- KEYS: lease
-- ARGV: the holder's token, ms for which it is taken
-- Returns 1 when the caller holds it, else 0.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
-- A full server refuses a script's first write if it needs memory, and takes it behind one that needs none. The sweep,
-- which makes room, waits for this lease.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
