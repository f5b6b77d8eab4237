-- Notes an order about sessions, unless a later one is noted already.
--
-- KEYS: the moves of each whom it concerns
-- ARGV: ttl (s), field, position (ms, seq)
-- Returns for how many it was noted.
local ms, seq, noted = tonumber(ARGV[3]), tonumber(ARGV[4]), 0
for _, key in ipairs(KEYS) do
  local known = redis.call('HGET', key, ARGV[2])
  local known_ms, known_seq = string.match(known or '0-0', '(%d+)-(%d+)')
  known_ms, known_seq = tonumber(known_ms), tonumber(known_seq)
  if ms > known_ms or (ms == known_ms and seq > known_seq) then
    redis.call('HSET', key, ARGV[2], ARGV[3] .. '-' .. ARGV[4])
    noted = noted + 1
  end
  redis.call('EXPIRE', key, ARGV[1])
end
return noted
