-- Begins to reap a node, from which on it can't write; or ends that, once it has no page any more.
-- KEYS: nodes, p:NODE
-- ARGV: number, then the value seen; or '', epoch, previous for a node that leaves
-- Returns {0} for an unknown node; {1, last write} where one is missing; {2, its value now, or ''}.
local nodes, p = unpack(KEYS)
local number, seen = unpack(ARGV)
local value = redis.call('HGET', nodes, number)
if seen == '' then
  local epoch, write = string.match(value or '', '^([^:]+):(%d+):%d+$')
  if epoch ~= ARGV[3] then
    return refuse(nodes)
  elseif write ~= ARGV[4] then
    return {1, tonumber(write)}
  end
elseif value ~= seen then
  return {2, ''}
end
local epoch = string.match(value, '^[^:]+')
local everywhere = redis.call('HGET', nodes, '@all')
if everywhere then
  redis.call('HSET', nodes, '@all', without(everywhere, number))
end
if redis.call('SCARD', p) == 0 then
  redis.call('HDEL', nodes, number)
  return {2, ''}
end
redis.call('HSET', nodes, number, epoch .. ':-')
return {2, epoch .. ':-'}
