-- ARGV: format. Optional values: '' for none, else '=' and the value.
local problem = foreign()
if problem then
    return problem
end
local state = redis.call('HMGET', STATE, 'generation', 'revision', 'cursor', 'since', 'starts', 'in_progress',
    'first_ids', 'next_ids', 'remember')
return {state, redis.call('HGETALL', SETTLED)}
