-- Appends a batch of entries, all or none of it, once.
--
-- KEYS: log, epoch, heads, jobs, queued, producer, then per entry: room stream, once key, members key, fence
--       (a key that an entry does not use repeats the room stream)
-- ARGV: producer sequence, producer ttl (s), shard log length, room cap, fence ttl (s), then per entry:
--       room, event, data, skip, flags, once ttl (s), once digest, run
-- flags: f the room is folded: queue it for a worker
--        q quiet: only the fold reads it
--        o idempotent by the once key
--        m only if the members key counts a live member (with c)
--        c a copy: only if the entry before it was appended by this call
--        b the run takes the fence; h only if the run holds the fence; e the same, and the fence goes
-- Returns per entry: a position, '=position' (the once key had it), 'full', 'reused' (the once key had another
-- digest), 'fenced' (another run holds the fence, or none) or '' (left out by m or c). The error NOEPOCH asks the
-- caller to run epoch.lua first.
--
-- One producer sends its batches one after another with a growing sequence; a batch whose answer was lost is sent
-- again with the same sequence and gets the same answer. Source of the idea: Kafka's idempotent producer (KIP-98).
local log, epoch, heads, jobs, queued, producer = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local sequence = tonumber(ARGV[1])

local known = redis.call('GET', producer)
if known then
  local known_sequence, answer = string.match(known, '^(%d+) (.*)$')
  known_sequence = tonumber(known_sequence)
  if known_sequence == sequence then
    return cjson.decode(answer)
  elseif known_sequence > sequence then
    return redis.error_reply('STALE batch ' .. ARGV[1] .. ': ' .. known_sequence .. ' was appended after it')
  end
end
if redis.call('EXISTS', log, epoch) < 2 then
  return redis.error_reply('NOEPOCH the log has no epoch')
end

local floor = redis.call('HGET', epoch, 'floor') or '0-0'
local now = redis.call('TIME')[1]
local results = {}
local key, arg = 7, 6
local fresh = false

for index = 1, (#ARGV - 5) / 8 do
  local stream, once, members, fence = KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local room, event, data, skip = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3]
  local flags, once_ttl, digest, run = ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6], ARGV[arg + 7]
  key, arg = key + 4, arg + 8
  local result = nil

  if string.find(flags, 'c', 1, true) and not fresh then
    result = ''
  elseif string.find(flags, 'm', 1, true) and redis.call('ZCOUNT', members, now, '+inf') == 0 then
    -- Left out is not the same as never said: the room's head passes it, so that a viewer who stands before it is told.
    result = ''
    redis.call('HSET', heads, room, results[index - 1])
  elseif string.find(flags, 'o', 1, true) then
    local before = redis.call('GET', once)
    if before then
      local position, before_digest = string.match(before, '^(%S+) (.*)$')
      result = (before_digest == digest) and ('=' .. position) or 'reused'
    end
  end
  if not result and string.find(flags, '[he]') and redis.call('GETEX', fence, 'EX', ARGV[5]) ~= run then
    result = 'fenced'
  end
  if not result and redis.call('XLEN', stream) >= tonumber(ARGV[4]) then
    result = 'full'
  end
  -- A copy that finds no place would be missed silently by the viewers: then the entry itself is refused.
  if not result and string.find(ARGV[arg + 4] or '', 'c', 1, true)
    and redis.call('XLEN', KEYS[key]) >= tonumber(ARGV[4]) and redis.call('ZCOUNT', KEYS[key + 2], now, '+inf') > 0 then
    result = 'full'
  end

  fresh = not result
  if fresh then
    local prev = redis.call('HGET', heads, room) or floor
    result = redis.call('XADD', log, 'MAXLEN', '~', ARGV[3], '*',
      'r', room, 'e', event, 'd', data, 'p', prev, 's', skip, 'q', string.find(flags, 'q', 1, true) and '1' or '')
    redis.call('XADD', stream, result, 'e', event, 'd', data, 'p', prev, 's', skip,
      'q', string.find(flags, 'q', 1, true) and '1' or '')
    redis.call('HSET', heads, room, result)
    if string.find(flags, 'f', 1, true) and redis.call('SADD', queued, room) == 1 then
      redis.call('XADD', jobs, '*', 'room', room)
    end
    if string.find(flags, 'o', 1, true) then
      redis.call('SET', once, result .. ' ' .. digest, 'EX', once_ttl)
    end
    if string.find(flags, 'b', 1, true) then
      redis.call('SET', fence, run, 'EX', ARGV[5])
    elseif string.find(flags, 'e', 1, true) then
      redis.call('DEL', fence)
    end
  end
  results[index] = result
end

redis.call('SET', producer, ARGV[1] .. ' ' .. cjson.encode(results), 'EX', ARGV[2])
return results
