-- KEYS: two that are only tried. ARGV: a channel. Returns each command that was refused, with the error.
local failures = tried(KEYS[1], KEYS[2])
local answer = redis.pcall('PUBLISH', ARGV[1], '')
if type(answer) == 'table' and answer.err then
    table.insert(failures, {'PUBLISH', answer.err})
end
return failures
