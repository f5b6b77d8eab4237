-- Counts the entries that rooms have behind given positions, without sending any of them.
--
-- KEYS: room streams
-- ARGV: how many to count at most, about how many bytes of entries to look at at most, then per room: the position
-- Returns the count, of all rooms together.
local left, bytes = tonumber(ARGV[1]), tonumber(ARGV[2])
for index, stream in ipairs(KEYS) do
  local length = redis.call('XLEN', stream)
  if length > 0 and left > 0 and bytes > 0 then
    local each = redis.call('MEMORY', 'USAGE', stream) / length
    local count = math.max(1, math.min(left, math.floor(bytes / each)))
    local found = #redis.call('XRANGE', stream, '(' .. ARGV[index + 2], '+', 'COUNT', count)
    left, bytes = left - found, bytes - found * each
  end
end
return tonumber(ARGV[1]) - left
