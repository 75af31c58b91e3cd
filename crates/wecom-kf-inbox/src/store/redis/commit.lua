-- ARGV: format, holder, fence, 'next' or 'whole', generation, revision, the revision before, cursor, since, starts,
-- in_progress, how many ids are remembered, number of settled ids, these ids as JSON, number of unparked ids, of unwished
-- ids, of parked messages, of conversations; the unparked ids; the unwished ids; of each parked message: id, keep_until,
-- JSON; of each conversation: 'begin', 'continue' or 'end', customer, origin, keep_until, JSON.
-- Cursor, since and in_progress: '' for none, else '=' and the value.
-- Returns 'ok', 'stale' or 'out of step'.
local problem = foreign()
if problem then
    return problem
end
if not is_current(ARGV[2], ARGV[3]) then
    return 'stale'
end
local state = redis.call('HMGET', STATE, 'generation', 'revision', 'first_ids', 'next_ids', 'ids', 'next_parked')
if state[1] == ARGV[5] and state[2] == ARGV[6] then
    -- Written before; its answer was lost.
    return 'ok'
end
local is_next = ARGV[4] == 'next'
if is_next and (state[1] ~= ARGV[5] or state[2] ~= ARGV[7]) then
    return 'out of step'
end
local failure = tried(TRY_HASH, TRY_SORTED)[1]
if failure then
    return redis.error_reply(failure[2])
end

-- From here on nothing fails. Ids and parked messages count only when the last write says so.
local first, following, ids = tonumber(state[3] or 0), tonumber(state[4] or 0), tonumber(state[5] or 0)
local parked_number = tonumber(state[6] or 0)
local dropped_from = first
if not is_next then
    first, ids = following, 0
end
local settled = tonumber(ARGV[13])
if settled > 0 then
    redis.call('HSET', SETTLED, string.format('%.0f', following), ARGV[13] .. ' ' .. ARGV[14])
    following, ids = following + 1, ids + settled
end
-- The oldest go, as long as enough are left.
while first < following do
    local oldest = redis.call('HGET', SETTLED, string.format('%.0f', first))
    local count = oldest and tonumber(string.match(oldest, '^%d+')) or 0
    if ids - count < tonumber(ARGV[12]) then
        break
    end
    first, ids = first + 1, ids - count
end

local unparked, unwished, parked = tonumber(ARGV[15]), tonumber(ARGV[16]), tonumber(ARGV[17])
local conversations = tonumber(ARGV[18])
local at = 19
for number = at, at + unparked - 1 do
    unpark(ARGV[number])
end
at = at + unparked
for number = at, at + unwished - 1 do
    redis.call('ZREM', WISHED, ARGV[number])
end
at = at + unwished
for first_of = at, at + 3 * parked - 1, 3 do
    local id = ARGV[first_of]
    unpark(id)
    redis.call('HSET', PARKED, id, ARGV[first_of + 2])
    redis.call('ZADD', UNTIL, ARGV[first_of + 1], id)
    redis.call('ZADD', ORDER, string.format('%.0f', parked_number), id)
    parked_number = parked_number + 1
end
at = at + 3 * parked
for first_of = at, at + 5 * conversations - 1, 5 do
    local what, customer, origin, keep_until, json = unpack(ARGV, first_of, first_of + 4)
    if what == 'end' then
        end_conversation(customer)
    elseif what == 'begin' or has_origin(customer, origin) then
        begin_conversation(customer, origin, keep_until, json)
    end
end

redis.call('HSET', STATE, 'format', ARGV[1], 'by_holder', ARGV[2], 'generation', ARGV[5], 'revision', ARGV[6], 'cursor', ARGV[8],
    'since', ARGV[9], 'starts', ARGV[10], 'in_progress', ARGV[11], 'remember', ARGV[12],
    'first_ids', string.format('%.0f', first), 'next_ids', string.format('%.0f', following),
    'ids', string.format('%.0f', ids), 'next_parked', string.format('%.0f', parked_number))

for number = dropped_from, first - 1 do
    redis.call('HDEL', SETTLED, string.format('%.0f', number))
end
forget_what_is_over()
if conversations > 0 then
    forget_past_conversations()
end
return 'ok'
