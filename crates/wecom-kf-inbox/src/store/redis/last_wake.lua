-- KEYS: the wake of an inbox. Returns the number of the last callback and the callback, or nothing twice.
return redis.call('HMGET', KEYS[1], 'number', 'callback')
