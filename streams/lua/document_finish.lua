-- Ends a worker's hold of a document that is stored up to a position. Where more came meanwhile it is due again.
--
-- KEYS: documents due, documents held, document hash, content, heads, folded
-- ARGV: room, token, position that is stored, document epoch, bytes of the state, updates that were folded, their
--       bytes, position of the content that is stored, when to fold ('quiet ms, longest ms, updates, bytes'),
--       1 when the worker saw entries that it did not take, for how long it is not due (ms)
-- Returns 1, or 0 when somebody else holds it: whoever does sees to it.
local function below(one, two)
  local one_ms, one_seq = string.match(one, '^(%d+)%-(%d+)$')
  local two_ms, two_seq = string.match(two, '^(%d+)%-(%d+)$')
  one_ms, one_seq, two_ms, two_seq = tonumber(one_ms), tonumber(one_seq), tonumber(two_ms), tonumber(two_seq)
  return one_ms < two_ms or (one_ms == two_ms and one_seq < two_seq)
end

local room = ARGV[1]
if redis.call('HGET', KEYS[2], room) ~= ARGV[2] then
  return 0
end
redis.call('HDEL', KEYS[2], room)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local quiet, longest, most, most_bytes = string.match(ARGV[9], '^(%d+) (%d+) (%d+) (%d+)$')
local head = redis.call('HGET', KEYS[5], room)
local more = head and below(ARGV[3], head)
local at = ARGV[10] == '1' and now or now + quiet
if head then
  redis.call('HSET', KEYS[6], room, ARGV[3])
end

local known = redis.call('HMGET', KEYS[3], 'epoch', 'n', 'new')
if known[1] == ARGV[4] then
  -- What is not folded: none when nothing came, else what this fold did not take.
  local count = more and math.max(0, known[2] - ARGV[6]) or 0
  local bytes = more and math.max(0, known[3] - ARGV[7]) or 0
  redis.call('HSET', KEYS[3], 'bytes', string.format('%.0f', ARGV[5] + bytes), 'n', count, 'new', bytes)
  if more then
    redis.call('HSET', KEYS[3], 'first', string.format('%.0f', now))
  else
    redis.call('HDEL', KEYS[3], 'first')
  end
  if count >= tonumber(most) or bytes >= tonumber(most_bytes) then
    at = now
  end
  if ARGV[11] == '0' then
    redis.call('HDEL', KEYS[3], 'wait')
  else
    redis.call('HSET', KEYS[3], 'wait', string.format('%.0f', now + ARGV[11])) -- for appends to come
  end
end
at = math.max(at, now + ARGV[11])

local content = redis.call('HGET', KEYS[4], 'at')
if content and not below(ARGV[8], content) then
  redis.call('DEL', KEYS[4])
  content = nil
end
if more or content then
  redis.call('ZADD', KEYS[1], string.format('%.0f', at), room)
else
  redis.call('ZREM', KEYS[1], room)
end
return 1
