-- KEYS: state, settled.
local state = redis.call('HMGET', KEYS[1], 'revision', 'cursor', 'since')
return {state[1], state[2], state[3], redis.call('LRANGE', KEYS[2], 0, -1)}
