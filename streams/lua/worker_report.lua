-- Stores a worker's report with the server's time, the one clock by which reports are compared.
--
-- KEYS: workers
-- ARGV: worker, report (JSON object that is not empty)
--
-- A full server takes it, too, behind a write that needs no memory: who could not report would be taken for dead.
local time = redis.call('TIME')
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], string.format('{"time":%d.%06d,', time[1], time[2]) .. string.sub(ARGV[2], 2))
