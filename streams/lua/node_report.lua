-- Stores a node's report with the server's time, the one clock by which reports are compared, and how far it is behind.
--
-- KEYS: nodes, log
-- ARGV: node, report (JSON object that is not empty), position that the node is past
--
-- behind_ms: the age of the oldest entry that the node is not past; 0 when there is none.
-- Returns 1, or 0 when the server is full: it refuses a script's first write then if that needs memory, and takes it
-- behind one that needs none. Nodes that could not report would be taken for dead.
local time = redis.call('TIME')
local behind = 0
local following = redis.call('XRANGE', KEYS[2], '(' .. ARGV[3], '+', 'COUNT', 1)[1]
if following then
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  behind = math.max(now - tonumber(string.match(following[1], '^%d+')), 0)
end
local head = string.format('{"time":%d.%06d,"behind_ms":%d,', time[1], time[2], behind)
local report = head .. string.sub(ARGV[2], 2)
local stored = redis.pcall('HSET', KEYS[1], ARGV[1], report)
if type(stored) == 'number' then
  return 1
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], report)
return 0
