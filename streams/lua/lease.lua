-- Renews or gives up a lease, if the caller still holds it.
--
-- KEYS: lease
-- ARGV: the holder's token, ms for which to renew it (0: give it up)
-- Returns 1 when the caller held it, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
