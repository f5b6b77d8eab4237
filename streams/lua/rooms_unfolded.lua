-- Counts what follows a position in each of some rooms: for operators, so a glance at each and no more.
--
-- KEYS: room streams
-- ARGV: entries counted at most, payload bytes after which a room is counted no further, then per room: position
-- Returns per room: entries, 1 when there are more, Unix ms of the oldest of them (0: there is none).
local most, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local found = {}

local function size_of(item)
  local size = 0
  for at = 2, #item[2], 2 do
    size = size + #item[2][at]
  end
  return size
end

for at, key in ipairs(KEYS) do
  local count, bytes, oldest, start, step, more = 0, 0, 0, '(' .. ARGV[at + 2], 1, true
  while more and count < most and bytes < limit do
    local items = redis.call('XRANGE', key, start, '+', 'COUNT', step + 1) -- one more tells whether there are more
    more = #items > step
    for n = 1, math.min(#items, step) do
      local item = items[n]
      count, bytes, start = count + 1, bytes + size_of(item), '(' .. item[1]
      if oldest == 0 then
        oldest = tonumber(string.match(item[1], '^%d+'))
      end
    end
    step = math.min(step * 2, 50, math.max(most - count, 1)) -- the first of them tells how large they are
  end
  found[#found + 1] = count
  found[#found + 1] = more and 1 or 0
  found[#found + 1] = oldest
end
return found
