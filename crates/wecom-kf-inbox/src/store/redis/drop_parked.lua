-- ARGV: format, id.
local problem = foreign()
if problem then
    return problem
end
local failure = tried(TRY_HASH, TRY_SORTED)[1]
if failure then
    return redis.error_reply(failure[2])
end
local was_there = unpark(ARGV[2])
forget_what_is_over()
return was_there
