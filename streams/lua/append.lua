-- Appends a batch of entries, all or none of it, once.
--
-- KEYS: log, epoch, heads, jobs, queued, producer, documents due, documents held; each room's stream, in the order of
--       their names; the members of rooms that copies go to; then per entry, if its flags say so: once key (o), fence
--       or document hash (b h e p d)
-- ARGV: producer sequence, producer ttl (s), shard log length, room cap, fence ttl (s), when to fold a document
--       ('quiet ms, longest ms, updates, bytes'; '' in a batch that changes none), document ttl (s), how many rooms
--       and how many members keys; the rooms' names; then per entry: number of its room, event, data, flags, and if
--       its flags say so: skip (s), once ttl (s) and digest (o), run or change (b h e p d), attachment (a), the copy's
--       number of room and of members, skip and head (c)
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
-- An entry's fields stand in this order: r (in the shard's stream only), e, d, p; behind them s and q if one of them
-- says something or there is an attachment, b, and then c.
--
-- One producer sends its batches one after another with a growing sequence; a batch whose answer was lost is sent
-- again with the same sequence and gets the same answer. Source of the idea: Kafka's idempotent producer (KIP-98).
--
-- Most batches are of one or a few plain entries. What those cost is calls, functions and tables: so the server is
-- asked, and told, once for a batch where that is possible, and nothing is made that only other entries need.
local log, epoch, heads, jobs, queued, producer = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local due, held = KEYS[7], KEYS[8]
local cap, rooms, viewers = tonumber(ARGV[4]), tonumber(ARGV[8]), tonumber(ARGV[9])
local STREAMS, NAMES = 8, 9 -- what stands before the rooms' streams and names
local MEMBERS = STREAMS + rooms

local known = redis.call('GET', producer)
if known then
  local known_sequence, answer = string.match(known, '^(%d+) (.*)$')
  if known_sequence == ARGV[1] then
    local results = {}
    for result in string.gmatch(answer, '[^\n]+') do
      results[#results + 1] = result
    end
    return results
  elseif tonumber(known_sequence) > tonumber(ARGV[1]) then
    return redis.error_reply('STALE batch ' .. ARGV[1] .. ': ' .. known_sequence .. ' was appended after it')
  end
end
local vouched = redis.call('HMGET', epoch, 'position', 'floor')
local began, floor = vouched[1], vouched[2] or '0-0'
if not began then
  return redis.error_reply('NOEPOCH the log has no epoch')
end

-- By number of room: its newest position, with what this batch writes; how many entries it has; true where its head is
-- another now; true where a worker has to fold it.
local head, length, moved, folded = redis.call('HMGET', heads, unpack(ARGV, NAMES + 1, NAMES + rooms)), {}, {}, {}
local any_viewed = viewers > 0 and redis.call('EXISTS', unpack(KEYS, MEMBERS + 1, MEMBERS + viewers)) > 0
local now, judge, keep = 0, nil, nil
if any_viewed or ARGV[6] ~= '' then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

if ARGV[6] ~= '' then
  local function head_of(name)
    for room = 1, rooms do
      if ARGV[NAMES + room] == name then
        return head[room] or '0-0'
      end
    end
    return redis.call('HGET', heads, name) or '0-0'
  end

  -- Why a change does not fit, or nil and what it does to the document's hash.
  function judge(hash, change, size)
    local of, cap, mode, seen, spans, needs, other =
      string.match(change, '^(%S*) (%d+) (%S+) (%S+)|([^|]*)|([^|]*)|(.*)$')
    local reset = string.match(mode, '^!(.+)$')
    local known = redis.call('HMGET', hash, 'log', 'epoch', 'bytes', 'new', 'begun')
    if known[1] ~= began then
      known = {}
    end
    if seen ~= '-' and head_of(other) ~= seen then
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
  function keep(hash, room, change, size)
    if change.reset then
      redis.call('DEL', hash)
      redis.call('HSET', hash, 'epoch', change.reset, 'log', began)
    end
    for at = 1, #change.moved, 1000 do
      redis.call('HSET', hash, 'begun', '1', unpack(change.moved, at, math.min(at + 999, #change.moved)))
    end
    redis.call('HINCRBY', hash, 'bytes', size)
    local count, bytes = redis.call('HINCRBY', hash, 'n', 1), redis.call('HINCRBY', hash, 'new', size)
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
end

-- Writes an entry to the shard's and to its room's stream, behind the room's entry `before`; returns its position.
local function write(stream, room, before, event, data, skip, quiet, binary, change)
  if skip == '' and not quiet and binary == '' then
    local position = redis.call('XADD', log, '*', 'r', room, 'e', event, 'd', data, 'p', before)
    redis.call('XADD', stream, position, 'e', event, 'd', data, 'p', before)
    return position
  end
  local fields = {'e', event, 'd', data, 'p', before, 's', skip, 'q', quiet and '1' or ''}
  if binary ~= '' then
    fields[11], fields[12] = 'b', binary
  end
  if change then
    fields[13], fields[14] = 'c', (change.reset and '!' or '') .. change.epoch
  end
  local position = redis.call('XADD', log, '*', 'r', room, unpack(fields))
  redis.call('XADD', stream, position, unpack(fields))
  return position
end

local results, kinds = {}, {}
local key, arg = MEMBERS + viewers + 1, NAMES + rooms + 1
while arg <= #ARGV do
  local room, event, data, flags = tonumber(ARGV[arg]), ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3]
  arg = arg + 4
  local is = kinds[flags]
  if not is then
    is = {}
    for flag in string.gmatch(flags, '.') do
      is[flag] = true
    end
    kinds[flags] = is
  end
  local skip, binary = '', ''
  local once, once_ttl, digest, guard, run, copy, viewed, copy_skip, copy_head
  if is.s then
    skip, arg = ARGV[arg], arg + 1
  end
  if is.o then
    once, once_ttl, digest, key, arg = KEYS[key], ARGV[arg], ARGV[arg + 1], key + 1, arg + 2
  end
  if is.h or is.b or is.e or is.p or is.d then
    guard, run, key, arg = KEYS[key], ARGV[arg], key + 1, arg + 1
  end
  if is.a then
    binary, arg = ARGV[arg], arg + 1
  end
  if is.c then
    copy, copy_skip, copy_head = tonumber(ARGV[arg]), ARGV[arg + 2], ARGV[arg + 3]
    viewed = any_viewed and redis.call('ZCOUNT', KEYS[MEMBERS + ARGV[arg + 1]], now / 1000, '+inf') > 0
    arg = arg + 4
  end

  local result, change = nil, nil
  local before = once and redis.call('GET', once)
  length[room] = length[room] or redis.call('XLEN', KEYS[STREAMS + room])
  if viewed then
    length[copy] = length[copy] or redis.call('XLEN', KEYS[STREAMS + copy])
  end
  if before then
    local position, before_digest = string.match(before, '^(%S+) (.*)$')
    result = (before_digest == digest) and ('=' .. position) or 'reused'
  elseif guard and not is.b and not is.d and redis.call('GETEX', guard, 'EX', ARGV[5]) ~= run then
    result = 'fenced'
  elseif length[room] >= cap or (viewed and length[copy] >= cap) then
    -- A copy that finds no place would be missed silently by the viewers: then the entry itself is refused.
    result = 'full'
  elseif is.d then
    result, change = judge(guard, run, #binary)
  end

  if not result then
    local name = ARGV[NAMES + room]
    result = write(KEYS[STREAMS + room], name, head[room] or floor, event, data, skip, is.q, binary, change)
    head[room], length[room], moved[room] = result, length[room] + 1, true
    if is.f then
      folded[room] = true
    end
    if viewed then
      data = '{' .. copy_head .. ',' .. string.sub(data, 2)
      local stream = KEYS[STREAMS + copy]
      head[copy] = write(stream, ARGV[NAMES + copy], head[copy] or floor, event, data, copy_skip, false, '', nil)
      length[copy], moved[copy] = length[copy] + 1, true
    elseif copy then
      -- Left out is not the same as never said: that room's head passes it, so a viewer who stands before it is told.
      head[copy], moved[copy] = result, true
    end
    if change then
      keep(guard, name, change, #binary)
    end
    if once then
      redis.call('SET', once, result .. ' ' .. digest, 'EX', once_ttl)
    end
    if is.b then
      redis.call('SET', guard, run, 'EX', ARGV[5])
    elseif is.e then
      redis.call('DEL', guard)
    elseif is.p then
      redis.call('SET', guard, run .. '+', 'EX', ARGV[5])
    end
  end
  results[#results + 1] = result
end

local pairs_of_heads, to_fold = {}, {}
for room = 1, rooms do
  if moved[room] then
    pairs_of_heads[#pairs_of_heads + 1] = ARGV[NAMES + room]
    pairs_of_heads[#pairs_of_heads + 1] = head[room]
  end
  if folded[room] then
    to_fold[#to_fold + 1] = ARGV[NAMES + room]
  end
end
if pairs_of_heads[1] then
  if redis.call('HSET', heads, unpack(pairs_of_heads)) * 2 == #pairs_of_heads then
    -- All new, so the hash may be too. A hash of few fields is kept as a list, and found in by walking it, until it once
    -- had a long value: heads is asked for every entry.
    redis.call('HSET', heads, pairs_of_heads[1], string.rep('0', 100))
    redis.call('HSET', heads, pairs_of_heads[1], pairs_of_heads[2])
  end
  redis.call('XTRIM', log, 'MAXLEN', '~', ARGV[3])
end
if to_fold[1] then
  local new = {}
  for at, has_job in ipairs(redis.call('SMISMEMBER', queued, unpack(to_fold))) do
    if has_job == 0 then
      new[#new + 1] = to_fold[at]
      redis.call('XADD', jobs, '*', 'room', to_fold[at])
    end
  end
  if new[1] then
    redis.call('SADD', queued, unpack(new))
  end
end
redis.call('SET', producer, ARGV[1] .. ' ' .. table.concat(results, '\n'), 'EX', ARGV[2])
return results
