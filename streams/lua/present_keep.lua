-- Keeps members of many rooms alive in one step, where that is all there is to do.
--
-- KEYS: present, of each room
-- ARGV: ttl (ms), then for each room how many members are to be kept, and those
-- Returns the numbers (from 1) of the rooms that were not touched, because one of these members is not there, or
-- another has expired: what is to be done, and told, then is done by `present`.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl, at, rest = tonumber(ARGV[1]), 2, {}
for number, key in ipairs(KEYS) do
  local last = at + tonumber(ARGV[at])
  local whole = redis.call('ZCOUNT', key, '-inf', now) == 0
  for index = at + 1, last do
    whole = whole and redis.call('ZSCORE', key, ARGV[index])
  end
  if whole then
    for index = at + 1, last do
      redis.call('ZADD', key, now + ttl, ARGV[index])
    end
    redis.call('PEXPIRE', key, ttl)
  else
    rest[#rest + 1] = number
  end
  at = last + 1
end
return rest
