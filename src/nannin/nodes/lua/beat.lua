-- A node says that it lives, and hears itself on its own channel.
-- KEYS: nodes
-- ARGV: publish command, beginning of channels, call, number, epoch
-- Returns {0} for an unknown node; {1, field, value, field, value, ...} with the whole hash.
local nodes = KEYS[1]
local publish, channel, call, number, my_epoch = unpack(ARGV)
local epoch, write, beat = string.match(redis.call('HGET', nodes, number) or '', '^([^:]+):(%d+):(%d+)$')
if epoch ~= my_epoch then
  return refuse(nodes)
end
if tonumber(call) > tonumber(beat) then -- a late one is no sign of life
  redis.call('HSET', nodes, number, epoch .. ':' .. write .. ':' .. call)
end
redis.call(publish, channel .. number, cmsgpack.pack({23, tonumber(call)}))
return {1, unpack(redis.call('HGETALL', nodes))}
