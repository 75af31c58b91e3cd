-- KEYS: lease, state, settled, parked, parked_until. ARGV: holder, fence, revision, cursor, since, how many ids are
-- remembered, number of settled, of unparked, of parked; settled ids; unparked ids; of each parked: id, keep_until, JSON.
-- Cursor and since: '' for none, else '=' and the value.
local before = redis.call('HMGET', KEYS[2], 'revision', 'by_holder', 'by_fence')
local is_written = (before[1] or '0') == ARGV[3]
if is_written and before[2] == ARGV[1] and before[3] == ARGV[2] then
    -- Our own, whose answer was lost; the lease may be over by now.
    return 1
end
local lease = redis.call('HMGET', KEYS[1], 'holder', 'fence')
if lease[1] ~= ARGV[1] or lease[2] ~= ARGV[2] then
    return 0
end
if is_written then
    return 1
end

redis.call('HSET', KEYS[2], 'revision', ARGV[3], 'by_holder', ARGV[1], 'by_fence', ARGV[2])
for at, field in ipairs({'cursor', 'since'}) do
    local value = ARGV[3 + at]
    if value == '' then
        redis.call('HDEL', KEYS[2], field)
    else
        redis.call('HSET', KEYS[2], field, string.sub(value, 2))
    end
end

local settled, unparked, parked = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local at = 10
-- Lua's stack does not take thousands at once.
for first = at, at + settled - 1, 1000 do
    redis.call('RPUSH', KEYS[3], unpack(ARGV, first, math.min(first + 999, at + settled - 1)))
end
redis.call('LTRIM', KEYS[3], '-' .. ARGV[6], -1)
at = at + settled

for number = at, at + unparked - 1 do
    unpark(ARGV[number])
end
at = at + unparked

for first = at, at + 3 * parked - 1, 3 do
    local order = redis.call('HINCRBY', KEYS[2], 'parked_so_far', 1)
    redis.call('HSET', KEYS[4], ARGV[first], string.format('%.0f', order) .. ' ' .. ARGV[first + 2])
    redis.call('ZADD', KEYS[5], ARGV[first + 1], ARGV[first])
end
if settled + unparked + parked > 0 then
    forget_what_is_over()
end
return 1
