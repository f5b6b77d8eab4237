-- Notes something on an event call that its caller still waits for, if the session that says so is its user's.
--
-- KEYS: call
-- ARGV: the session's user, 'asked' (the last one counts) or 'answer' (the first one counts), value
-- Returns 1 when it was noted, else 0.
if redis.call('HGET', KEYS[1], 'user') ~= ARGV[1] then
  return 0
end
if ARGV[2] == 'answer' then
  return redis.call('HSETNX', KEYS[1], 'answer', ARGV[3])
end
redis.call('HSET', KEYS[1], 'asked', ARGV[3])
return 1
