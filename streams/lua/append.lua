-- Appends a batch of entries, all or none of it, once.
--
-- KEYS: log, epoch, heads, jobs, queued, producer, documents due, documents held, then per entry: room stream, and
--       if its flags say so: once key (o), fence or document hash (b h e p d), the copy's stream and members (c)
-- ARGV: producer sequence, producer ttl (s), shard log length, room cap, fence ttl (s), when to fold a document
--       ('quiet ms, longest ms, updates, bytes'), document ttl (s), then per entry:
--       room, event, data, flags, and if its flags say so: skip (s), once ttl (s) and digest (o), run or change
--       (b h e p d), attachment (a), the copy's room, skip and head (c)
-- flags: f the room is folded: queue it for a worker
--        q quiet: only the fold reads it
--        s somebody must not receive it
--        o idempotent by the once key
--        a it has an attachment
--        c if the members key counts a live member: a copy behind it, whose data is the entry's with 'head' in front
--        d a change of a document: 'epoch cap mode head|client start end …|client clock …|other room', mode: '-',
--          'seed', '!new epoch'; head: '-', or the newest position of the other room, '0-0' for none
--        b the run takes the fence; h only if the run holds the fence; e the same, and the fence goes; p the same, and
--          the fence is its epilogue's: the run's name and '+'
-- Returns per entry: a position, '=position' (the once key had it), 'full', 'reused' (the once key had another
-- digest), 'fenced' (another run holds the fence, or none), or why a change does not fit:
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
local began, floor = unpack(redis.call('HMGET', epoch, 'position', 'floor'))
if not began then
  return redis.error_reply('NOEPOCH the log has no epoch')
end
floor = floor or '0-0'
local results = {}
local key, arg = 9, 8

local function next_key()
  key = key + 1
  return KEYS[key - 1]
end

local function next_arg()
  arg = arg + 1
  return ARGV[arg - 1]
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Whether a set of members counts a live one. Most rooms have none at all, which is told without the time.
local function is_viewed(members)
  return redis.call('EXISTS', members) == 1 and redis.call('ZCOUNT', members, now_ms() / 1000, '+inf') > 0
end

-- Writes an entry to the shard's and to its room's stream; returns its position. passed: a room whose copy is left out.
local function write(stream, room, fields, passed)
  fields[5], fields[6] = 'p', redis.call('HGET', heads, room) or floor
  local position = redis.call('XADD', log, 'MAXLEN', '~', ARGV[3], '*', 'r', room, unpack(fields))
  redis.call('XADD', stream, position, unpack(fields))
  if passed then
    -- Left out is not the same as never said: that room's head passes it, so a viewer who stands before it is told.
    redis.call('HSET', heads, room, position, passed, position)
  else
    redis.call('HSET', heads, room, position)
  end
  return position
end

-- Why a change does not fit, or nil and what it does to the document's hash.
local function judge(hash, change, size)
  local of, cap, mode, head, spans, needs, other =
    string.match(change, '^(%S*) (%d+) (%S+) (%S+)|([^|]*)|([^|]*)|(.*)$')
  local reset = string.match(mode, '^!(.+)$')
  local known = redis.call('HMGET', hash, 'log', 'epoch', 'bytes', 'new', 'begun')
  if known[1] ~= began then
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
    redis.call('HSET', hash, 'epoch', change.reset, 'log', began)
  end
  for at = 1, #change.moved, 1000 do
    redis.call('HSET', hash, 'begun', '1', unpack(change.moved, at, math.min(at + 999, #change.moved)))
  end
  redis.call('HINCRBY', hash, 'bytes', size)
  local count, bytes = redis.call('HINCRBY', hash, 'n', 1), redis.call('HINCRBY', hash, 'new', size)
  local now = now_ms()
  redis.call('HSETNX', hash, 'first', string.format('%.0f', now))
  redis.call('EXPIRE', hash, ARGV[7])
  if redis.call('HEXISTS', held, room) == 0 then
    local quiet, longest, most, most_bytes = string.match(ARGV[6], '^(%d+) (%d+) (%d+) (%d+)$')
    local at = math.min(now + quiet, redis.call('HGET', hash, 'first') + longest)
    if count >= tonumber(most) or bytes >= tonumber(most_bytes) then
      at = now
    end
    at = math.max(at, tonumber(redis.call('HGET', hash, 'wait') or 0))
    redis.call('ZADD', due, string.format('%.0f', at), room)
  end
end

while arg <= #ARGV do
  local stream, room, event, data, flags = next_key(), next_arg(), next_arg(), next_arg(), next_arg()
  local function is(flag)
    return string.find(flags, flag, 1, true)
  end
  local skip = is('s') and next_arg() or ''
  local once, once_ttl, digest, guard, run, copy, members, copy_room, copy_skip, copy_head
  if is('o') then
    once, once_ttl, digest = next_key(), next_arg(), next_arg()
  end
  if string.find(flags, '[bhepd]') then
    guard, run = next_key(), next_arg()
  end
  local binary = is('a') and next_arg() or ''
  if is('c') then
    copy, members, copy_room, copy_skip, copy_head = next_key(), next_key(), next_arg(), next_arg(), next_arg()
  end
  local viewed = copy and is_viewed(members)

  local result, change = nil, nil
  local before = once and redis.call('GET', once)
  if before then
    local position, before_digest = string.match(before, '^(%S+) (.*)$')
    result = (before_digest == digest) and ('=' .. position) or 'reused'
  elseif guard and not is('b') and not is('d') and redis.call('GETEX', guard, 'EX', ARGV[5]) ~= run then
    result = 'fenced'
  elseif redis.call('XLEN', stream) >= tonumber(ARGV[4]) then
    result = 'full'
  elseif viewed and redis.call('XLEN', copy) >= tonumber(ARGV[4]) then
    -- A copy that finds no place would be missed silently by the viewers: then the entry itself is refused.
    result = 'full'
  elseif is('d') then
    result, change = judge(guard, run, #binary)
  end

  if not result then
    local fields = {'e', event, 'd', data, 'p', '', 's', skip, 'q', is('q') and '1' or ''}
    if binary ~= '' then
      fields[11], fields[12] = 'b', binary
    end
    if change then
      fields[13], fields[14] = 'c', (change.reset and '!' or '') .. change.epoch
    end
    result = write(stream, room, fields, not viewed and copy_room)
    if viewed then
      local shown = '{' .. copy_head .. ',' .. string.sub(data, 2)
      write(copy, copy_room, {'e', event, 'd', shown, 'p', '', 's', copy_skip, 'q', ''})
    end
    if change then
      keep(guard, room, change, #binary)
    end
    if is('f') and redis.call('SADD', queued, room) == 1 then
      redis.call('XADD', jobs, '*', 'room', room)
    end
    if once then
      redis.call('SET', once, result .. ' ' .. digest, 'EX', once_ttl)
    end
    if is('b') then
      redis.call('SET', guard, run, 'EX', ARGV[5])
    elseif is('e') then
      redis.call('DEL', guard)
    elseif is('p') then
      redis.call('SET', guard, run .. '+', 'EX', ARGV[5])
    end
  end
  results[#results + 1] = result
end

redis.call('SET', producer, ARGV[1] .. ' ' .. cjson.encode(results), 'EX', ARGV[2])
return results
