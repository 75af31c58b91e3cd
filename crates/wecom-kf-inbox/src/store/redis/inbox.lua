-- Goes before every script about an inbox. ARGV[1]: the format that this version knows.
local LEASE, STATE, SETTLED, PARKED, ORDER, UNTIL, WISHED, CONVERSATIONS, CUSTOMERS, CUSTOMERS_UNTIL, TRY_HASH, TRY_SORTED =
    unpack(KEYS)

local function refused(what)
    return redis.error_reply('WECOMKF ' .. what)
end

-- Another version's data, or another program's, must stay as it is. Returns an error, or nothing.
local function foreign()
    local state = redis.call('HMGET', STATE, 'format', 'revision')
    if state[1] and state[1] ~= ARGV[1] then
        return refused('format ' .. state[1])
    end
    if state[2] and not state[1] then
        -- Versions before 0.1.0 did not write one.
        return refused('format 1')
    end
    local kinds = {'hash', 'hash', 'hash', 'hash', 'zset', 'zset', 'zset', 'hash', 'zset', 'zset'}
    for at, kind in ipairs(kinds) do
        local found = redis.call('TYPE', KEYS[at]).ok
        if found ~= 'none' and found ~= kind then
            return redis.error_reply('WRONGTYPE ' .. found .. ' instead of ' .. kind)
        end
    end
end

local function is_current(holder, fence)
    local lease = redis.call('HMGET', LEASE, 'holder', 'fence')
    return lease[1] == holder and lease[2] == fence
end

-- Parked messages with this number and later ones are of a commit that is not written yet.
local function next_parked()
    return tonumber(redis.call('HGET', STATE, 'next_parked') or 0)
end

local function unpark(id)
    redis.call('ZREM', ORDER, id)
    redis.call('ZREM', UNTIL, id)
    redis.call('ZREM', WISHED, id)
    return redis.call('HDEL', PARKED, id)
end

-- Deletes what is past its time, not too much at once, and lets Redis delete the rest if nobody comes any more.
-- `times` has the time of each member, `delete` deletes one, and `keys` are those to be deleted at the end.
local function forget_past(times, delete, keys)
    local now = redis.call('TIME')[1]
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', '(' .. now, 'LIMIT', 0, 1000)) do
        delete(member)
    end
    local last = redis.call('ZREVRANGE', times, 0, 0, 'WITHSCORES')[2]
    if last then
        local over = string.format('%.0f', math.min(tonumber(last), 9999999999) + 1)
        for _, key in ipairs(keys) do
            redis.call('EXPIREAT', key, over)
        end
    end
end

local function forget_what_is_over()
    forget_past(UNTIL, unpark, {PARKED, ORDER, UNTIL, WISHED})
end

-- A stored conversation is its origin, a blank and its JSON.
local function begin_conversation(customer, origin, keep_until, json)
    redis.call('HSET', CONVERSATIONS, customer, origin .. ' ' .. json)
    redis.call('ZADD', CUSTOMERS, 0, customer)
    redis.call('ZADD', CUSTOMERS_UNTIL, keep_until, customer)
end

local function end_conversation(customer)
    redis.call('ZREM', CUSTOMERS, customer)
    redis.call('ZREM', CUSTOMERS_UNTIL, customer)
    return redis.call('HDEL', CONVERSATIONS, customer)
end

local function has_origin(customer, origin)
    local stored = redis.call('HGET', CONVERSATIONS, customer)
    return stored and string.sub(stored, 1, #origin + 1) == origin .. ' '
end

local function forget_past_conversations()
    forget_past(CUSTOMERS_UNTIL, end_conversation, {CONVERSATIONS, CUSTOMERS, CUSTOMERS_UNTIL})
end

-- Only a hint: a user who may not publish loses nothing but time.
local function tell(change)
    redis.pcall('PUBLISH', ARGV[#ARGV], change)
end

