-- Keeps a rendering of a document, unless a newer one is kept; the document is due.
--
-- KEYS: content, documents due, documents held
-- ARGV: room, position after which it came, body, when to fold ('quiet ms, longest ms, updates, bytes')
-- Returns 1 when it is kept.
local function below(one, two)
  local one_ms, one_seq = string.match(one, '^(%d+)%-(%d+)$')
  local two_ms, two_seq = string.match(two, '^(%d+)%-(%d+)$')
  one_ms, one_seq, two_ms, two_seq = tonumber(one_ms), tonumber(one_seq), tonumber(two_ms), tonumber(two_seq)
  return one_ms < two_ms or (one_ms == two_ms and one_seq < two_seq)
end

local at = redis.call('HGET', KEYS[1], 'at')
if at and below(ARGV[2], at) then
  return 0
end
redis.call('HSET', KEYS[1], 'at', ARGV[2], 'body', ARGV[3])
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then
  local time = redis.call('TIME')
  local quiet = string.match(ARGV[4], '^(%d+)')
  redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + quiet), ARGV[1])
end
return 1
