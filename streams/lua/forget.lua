-- Removes a consumer of the job stream, unless it holds jobs: they would be lost with it.
--
-- KEYS: jobs
-- ARGV: job group, consumer
-- Returns 1 when it was removed, else 0.
if redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])[1] then
  return 0
end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
