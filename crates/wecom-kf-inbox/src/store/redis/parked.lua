-- KEYS: lease, state, settled, parked, parked_until.
forget_what_is_over()
return redis.call('HVALS', KEYS[4])
