-- ARGV: format, customer.
local problem = foreign()
if problem then
    return problem
end
local failure = tried(TRY_HASH, TRY_SORTED)[1]
if failure then
    return redis.error_reply(failure[2])
end
local was_there = end_conversation(ARGV[2])
forget_past_conversations()
return was_there
