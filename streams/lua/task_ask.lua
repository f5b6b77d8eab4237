-- Notes on a task's record that it is to be stopped, so that its end will be readable.
--
-- KEYS: task
-- Returns 'asked', or 'over' when there is no such task any more.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HEXISTS', KEYS[1], 'ended') == 1 then
  return 'over'
end
redis.call('HSET', KEYS[1], 'stop', '1')
return 'asked'
