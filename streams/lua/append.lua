-- Appends a batch of entries, all or none of it, once.
--
-- KEYS: log, epoch, heads, jobs, queued, producer, documents due, documents held, then per entry: room stream, once
--       key, members key, fence or document hash (a key that an entry does not use repeats the room stream)
-- ARGV: producer sequence, producer ttl (s), shard log length, room cap, fence ttl (s), when to fold a document
--       ('quiet ms, longest ms, updates, bytes'), document ttl (s), then per entry:
--       room, event, data, skip, flags, once ttl (s), once digest, run or change, attachment
-- flags: f the room is folded: queue it for a worker
--        q quiet: only the fold reads it
--        o idempotent by the once key
--        m only if the members key counts a live member (with c)
--        c a copy: only if the entry before it was appended by this call
--        d a change of a document: 'epoch cap mode head|client start end …|client clock …|other room', mode: '-',
--          'seed', '!new epoch'; head: '-', or the newest position of the other room, '0-0' for none
--        b the run takes the fence; h only if the run holds the fence; e the same, and the fence goes
-- Returns per entry: a position, '=position' (the once key had it), 'full', 'reused' (the once key had another
-- digest), 'fenced' (another run holds the fence, or none), '' (left out by m or c), or why a change does not fit:
-- 'moved' (the other room has a newer entry), 'unknown' (the hash does not vouch for the document), 'epoch <current>',
-- 'seeded', 'gap', 'big <bytes not folded>'. The error NOEPOCH asks the caller to run epoch.lua first.
--
-- One producer sends its batches one after another with a growing sequence; a batch whose answer was lost is sent
-- again with the same sequence and gets the same answer. Source of the idea: Kafka's idempotent producer (KIP-98).
local log, epoch, heads, jobs, queued, producer = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local due, held = KEYS[7], KEYS[8]
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
local time = redis.call('TIME')
local now = time[1]
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local results = {}
local key, arg = 9, 8
local fresh = false

-- Why a change does not fit, or nil and what it does to the document's hash.
local function judge(hash, change, size)
  local of, cap, mode, head, spans, needs, other =
    string.match(change, '^(%S*) (%d+) (%S+) (%S+)|([^|]*)|([^|]*)|(.*)$')
  local reset = string.match(mode, '^!(.+)$')
  local known = redis.call('HMGET', hash, 'log', 'epoch', 'bytes', 'new', 'begun')
  if known[1] ~= redis.call('HGET', epoch, 'position') then
    known = {}
  end
  if head ~= '-' and (redis.call('HGET', heads, other) or '0-0') ~= head then
    return 'moved'
  elseif not known[2] and (not reset or of ~= '') then
    return 'unknown'
  elseif of ~= '' and of ~= known[2] then
    return 'epoch ' .. known[2]
  elseif mode == 'seed' and known[5] then
    return 'seeded'
  end
  local clocks, before, moved = {}, (reset and 0 or tonumber(known[3])), {}
  local function clock(client)
    clocks[client] = clocks[client] or (not reset and tonumber(redis.call('HGET', hash, 'c' .. client))) or 0
    return clocks[client]
  end
  for client, first, last in string.gmatch(spans, '(%d+) (%d+) (%d+)') do
    if tonumber(first) > clock(client) then
      return 'gap'
    elseif tonumber(last) > clocks[client] then
      clocks[client] = tonumber(last)
      moved[#moved + 1] = 'c' .. client
      moved[#moved + 1] = last
    end
  end
  for client, needed in string.gmatch(needs, '(%d+) (%d+)') do
    if tonumber(needed) > clock(client) then
      return 'gap'
    end
  end
  if tonumber(cap) > 0 and before + size > tonumber(cap) then
    return 'big ' .. string.format('%.0f', (not reset and tonumber(known[4])) or 0)
  end
  return nil, {moved = moved, reset = reset, epoch = reset or of}
end

-- Does to the document's hash what a change that was appended does, and says when the document is to be folded.
local function keep(hash, room, change, size)
  if change.reset then
    redis.call('DEL', hash)
    redis.call('HSET', hash, 'epoch', change.reset, 'log', redis.call('HGET', epoch, 'position'))
  end
  for at = 1, #change.moved, 1000 do
    redis.call('HSET', hash, 'begun', '1', unpack(change.moved, at, math.min(at + 999, #change.moved)))
  end
  redis.call('HINCRBY', hash, 'bytes', size)
  local count, bytes = redis.call('HINCRBY', hash, 'n', 1), redis.call('HINCRBY', hash, 'new', size)
  redis.call('HSETNX', hash, 'first', string.format('%.0f', now_ms))
  redis.call('EXPIRE', hash, ARGV[7])
  if redis.call('HEXISTS', held, room) == 0 then
    local quiet, longest, most, most_bytes = string.match(ARGV[6], '^(%d+) (%d+) (%d+) (%d+)$')
    local at = math.min(now_ms + quiet, redis.call('HGET', hash, 'first') + longest)
    if count >= tonumber(most) or bytes >= tonumber(most_bytes) then
      at = now_ms
    end
    redis.call('ZADD', due, string.format('%.0f', at), room)
  end
end

for index = 1, (#ARGV - 7) / 9 do
  local stream, once, members, fence = KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local room, event, data, skip = ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3]
  local flags, once_ttl, digest, run = ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6], ARGV[arg + 7]
  local binary = ARGV[arg + 8]
  key, arg = key + 4, arg + 9
  local result, change = nil, nil

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
  if not result and string.find(flags, 'd', 1, true) then
    result, change = judge(fence, run, #binary)
  end

  fresh = not result
  if fresh then
    local prev = redis.call('HGET', heads, room) or floor
    local fields = {'e', event, 'd', data, 'p', prev, 's', skip, 'q', string.find(flags, 'q', 1, true) and '1' or ''}
    if binary ~= '' then
      fields[11], fields[12] = 'b', binary
    end
    if change then
      fields[13], fields[14] = 'c', (change.reset and '!' or '') .. change.epoch
    end
    result = redis.call('XADD', log, 'MAXLEN', '~', ARGV[3], '*', 'r', room, unpack(fields))
    redis.call('XADD', stream, result, unpack(fields))
    redis.call('HSET', heads, room, result)
    if change then
      keep(fence, room, change, #binary)
    end
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
