-- Goes before the scripts that deal with parked messages. KEYS: lease, state, settled, parked, parked_until.
local function unpark(id)
    redis.call('ZREM', KEYS[5], id)
    return redis.call('HDEL', KEYS[4], id)
end

-- Deletes the parked messages that are past their time, and lets Redis delete the rest should nobody come any more.
local function forget_what_is_over()
    local now = redis.call('TIME')[1]
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', '(' .. now)) do
        unpark(id)
    end
    local last = redis.call('ZREVRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
    if last then
        local over = string.format('%.0f', math.min(tonumber(last), 9999999999) + 1)
        redis.call('EXPIREAT', KEYS[4], over)
        redis.call('EXPIREAT', KEYS[5], over)
    end
end

