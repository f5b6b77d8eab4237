-- Reads a document's entries after a position, at most so many, and no more once they hold so many bytes.
--
-- KEYS: room stream
-- ARGV: position, entries at most, bytes after which no more are read
-- Returns per entry: position, predecessor, attachment, change ('' for none: see entry.py).
local STEP = 50 -- entries that one look copies: with the largest updates it holds the server for some ms
local found, bytes, start = {}, 0, '(' .. ARGV[1]
while #found < tonumber(ARGV[2]) * 4 and bytes < tonumber(ARGV[3]) do
  local want = math.min(STEP, tonumber(ARGV[2]) - #found / 4)
  local items = redis.call('XRANGE', KEYS[1], start, '+', 'COUNT', want)
  for _, item in ipairs(items) do
    local by_name = {}
    for at = 1, #item[2], 2 do
      by_name[item[2][at]] = item[2][at + 1]
    end
    local binary = by_name['b'] or ''
    found[#found + 1] = item[1]
    found[#found + 1] = by_name['p']
    found[#found + 1] = binary
    found[#found + 1] = by_name['c'] or ''
    bytes = bytes + #binary
    start = '(' .. item[1]
    if bytes >= tonumber(ARGV[3]) then
      break
    end
  end
  if #items < want then
    break
  end
end
return found
