-- KEYS: members, reads. ARGV: the most reads within a window, the window in ms, an id of this read. Returns the wait in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local most, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = redis.call('ZSCORE', KEYS[2], ARGV[3])
if not at then
    for _, over in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now - window))) do
        redis.call('ZREM', KEYS[2], over)
    end
    at = now
    -- The read that must be over before this one: `most` before it.
    local before = redis.call('ZREVRANGE', KEYS[2], most - 1, most - 1, 'WITHSCORES')[2]
    if before then
        at = math.max(at, tonumber(before) + window)
    end
    redis.call('ZADD', KEYS[2], string.format('%.0f', at), ARGV[3])
    redis.call('PEXPIREAT', KEYS[2], string.format('%.0f', at + window))
end
return math.max(0, math.floor(tonumber(at) - now))
