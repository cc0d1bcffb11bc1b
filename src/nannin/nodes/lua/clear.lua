-- Deletes keys that a former register of the nodes has left. As long as no node has registered, none can write.
-- KEYS: nodes, then those to delete
-- Returns 1; 0 where a node has registered meanwhile, so that they may be new.
if redis.call('HEXISTS', KEYS[1], '@id') == 1 then
  return 0
end
redis.call('UNLINK', unpack(KEYS, 2))
return 1
