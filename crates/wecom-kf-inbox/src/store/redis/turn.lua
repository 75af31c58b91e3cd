-- KEYS: token, and two that are only tried. ARGV: id of the turn, its limit in ms, at_least in ms, rejected ('' for none, else
-- '=' and the token).
local kept = redis.call('HMGET', KEYS[1], 'token', 'token_until', 'turn', 'turn_until', 'held_until', 'failed_code',
    'failed_message', 'failures')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function left(upto)
    return tonumber(upto or 0) - now
end
local function token()
    return {'token', kept[1], left(kept[2]), ''}
end

local is_good = kept[1] and left(kept[2]) > 0
local is_usable = is_good and ARGV[4] ~= '=' .. kept[1]
if is_usable and left(kept[2]) >= tonumber(ARGV[3]) then
    return token()
end
local failures = tonumber(kept[8] or 0)
local is_fetching = kept[3] and left(kept[4]) > 0
if is_fetching and kept[3] == ARGV[1] then
    -- The caller's own, whose answer was lost.
    return {'refresh', '', failures, ''}
end
if is_fetching or left(kept[5]) > 0 then
    if is_usable then
        return token()
    elseif is_fetching then
        return {'wait', '', 0, ''}
    elseif kept[7] then
        return {'failed', kept[7], 0, kept[6] or ''}
    elseif is_good then
        return token()
    end
end

local failure = tried(KEYS[2], KEYS[3])[1]
if failure then
    return redis.error_reply(failure[2])
end
local over = now + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 'turn', ARGV[1], 'turn_until', string.format('%.0f', over))
local forgotten = math.max(over, tonumber(kept[2] or 0), tonumber(kept[5] or 0)) + 120000
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', forgotten))
return {'refresh', '', failures, ''}
