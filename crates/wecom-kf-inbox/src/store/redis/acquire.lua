-- KEYS: lease, state. ARGV: holder, limit in ms.
local holder = redis.call('HGET', KEYS[1], 'holder')
if holder and holder ~= ARGV[1] then
    return {'held', holder, redis.call('PTTL', KEYS[1])}
end
-- The fence is the time, so that it goes up even if the last one was forgotten; its 16 digits fit a number of Lua's.
local time = redis.call('TIME')
local fence = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('HGET', KEYS[2], 'fence') or 0)
if fence <= last then
    fence = last + 1
end
local digits = string.format('%.0f', fence)
redis.call('HSET', KEYS[2], 'fence', digits)
redis.call('HSET', KEYS[1], 'holder', ARGV[1], 'fence', digits)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'lease', digits, 0}
