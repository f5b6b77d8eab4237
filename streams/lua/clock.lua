-- Moves the shard's clock up to a position, if it stands below: positions to come are above it.
--
-- KEYS: log
-- ARGV: position
local function below(one, two)
  local one_ms, one_seq = string.match(one, '^(%d+)%-(%d+)$')
  local two_ms, two_seq = string.match(two, '^(%d+)%-(%d+)$')
  one_ms, one_seq, two_ms, two_seq = tonumber(one_ms), tonumber(one_seq), tonumber(two_ms), tonumber(two_seq)
  return one_ms < two_ms or (one_ms == two_ms and one_seq < two_seq)
end

local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if newest and below(newest[1], ARGV[1]) then
  -- An entry of a room that nobody is in. A log without any entry has no epoch either: whoever opens one looks there.
  redis.call('XADD', KEYS[1], ARGV[1], 'r', 'system:clock', 'e', 'clock', 'd', '{}', 'p', ARGV[1], 's', '', 'q', '')
end
