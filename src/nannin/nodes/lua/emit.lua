-- Sends a message to nodes.
-- KEYS: nodes, c:PAGE
-- ARGV: publish command, beginning of channels, number of the sender, message, whether nodes are named (1 or
--       0), and these
-- Returns the nodes that it was sent to.
local nodes, c = unpack(KEYS)
local publish, channel, number, message, are_named = unpack(ARGV, 1, 5)
local told = {}
for _, other in ipairs(are_named == '1' and {unpack(ARGV, 6)} or redis.call('HKEYS', c)) do
  if other ~= number and other ~= '@version' and redis.call('HEXISTS', nodes, other) == 1 then
    redis.call(publish, channel .. other, message)
    told[#told + 1] = tonumber(other)
  end
end
return told
