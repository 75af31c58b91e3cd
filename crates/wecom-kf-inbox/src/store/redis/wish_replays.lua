-- ARGV: format, number of ids, the ids, channel. Returns how many are parked.
local problem = foreign()
if problem then
    return problem
end
local failure = tried(TRY_HASH, TRY_SORTED)[1]
if failure then
    return redis.error_reply(failure[2])
end
forget_what_is_over()
local count = 0
for at = 3, 2 + tonumber(ARGV[2]) do
    local number = redis.call('ZSCORE', ORDER, ARGV[at])
    if number and tonumber(number) < next_parked() then
        redis.call('ZADD', WISHED, number, ARGV[at])
        count = count + 1
    end
end
forget_what_is_over()
tell('replay')
return count
