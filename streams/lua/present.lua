-- Changes who is present in a room, and tells the room in the same step, so that announcements come in the order of
-- the changes.
--
-- KEYS: present
-- ARGV: ttl (ms), when to tell ('always', 'changed', 'never', 'left'), the bus's channel, message before the users,
--       message after them, then 'enter', 'keep' or 'leave', then the members that this is for
-- A member is JSON [connection, user id, name] or [connection, user id, name, session]; a user is told once, however
-- many connections it has. 'left': not who is there is told, but every session whose last connection went, each in a
-- message of its own. 'keep' brings nobody back: who is not there left, or was kept by nobody for too long, and only
-- its node can tell which.
-- Returns the members of 'keep' that are not there.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl, how = tonumber(ARGV[1]), ARGV[6]
local gone, changed, missing = {}, 0, {}
for index = 7, #ARGV do
  if how == 'leave' then
    if redis.call('ZREM', KEYS[1], ARGV[index]) == 1 then
      gone[#gone + 1] = ARGV[index]
    end
  elseif how == 'enter' or redis.call('ZSCORE', KEYS[1], ARGV[index]) then
    changed = changed + redis.call('ZADD', KEYS[1], now + ttl, ARGV[index])
  else
    missing[#missing + 1] = ARGV[index]
  end
end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], member)
  gone[#gone + 1] = member
end
changed = changed + #gone
if how ~= 'leave' then
  redis.call('PEXPIRE', KEYS[1], ttl)
end
if ARGV[2] == 'always' or (ARGV[2] == 'changed' and changed > 0) then
  local users, known = {}, {}
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    local parts = cjson.decode(member)
    if not known[parts[2]] then
      known[parts[2]] = true
      users[#users + 1] = cjson.encode({id = parts[2], name = parts[3]})
    end
  end
  redis.call('PUBLISH', ARGV[3], ARGV[4] .. '[' .. table.concat(users, ',') .. ']' .. ARGV[5])
end
if ARGV[2] == 'left' and #gone > 0 then
  local known = {}
  for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    known[cjson.decode(member)[4]] = true
  end
  for _, member in ipairs(gone) do
    local parts = cjson.decode(member)
    if not known[parts[4]] then
      known[parts[4]] = true
      local who = '"user_id":' .. cjson.encode(parts[2]) .. ',"socket_id":' .. cjson.encode(parts[4])
      redis.call('PUBLISH', ARGV[3], ARGV[4] .. who .. ARGV[5])
    end
  end
end
return missing
