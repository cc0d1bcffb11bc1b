-- A node is told of every page from now on, or no more.
-- KEYS: nodes
-- ARGV: number, epoch, whether it is (1 or 0)
-- Returns {0} for an unknown node, else {1, version}.
local nodes = KEYS[1]
local number, my_epoch, watches = unpack(ARGV)
local value, everywhere = unpack(redis.call('HMGET', nodes, number, '@all'))
if string.match(value or '', '^([^:]+):%d+:%d+$') ~= my_epoch then
  return refuse(nodes)
end
local kept = without(everywhere or '', number)
redis.call('HSET', nodes, '@all', watches == '1' and kept .. number .. ',' or kept)
return {1, tonumber(redis.call('HGET', nodes, '@version') or 0)}
