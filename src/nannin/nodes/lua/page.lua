-- What all scripts share: they begin with this.
--
-- Keys of one shard, all in one slot:
--   nodes  hash: a node's number -> 'epoch:write:beat', or 'epoch:-' while its parts are being removed;
--          '@version' counts all changes, '@next' the numbers, '@id' names the data, and '@all' lists the
--          nodes that are told of every page, as '3,17,',
--          '@refused' counts the calls of nodes that are not known
--   c:PAGE hash: a node's number -> 'connections,anonymous,anonymous_visible'; '@version' is the page's
--   v:PAGE hash: a visitor -> its nodes, as '3v,17,' where it sees the page with node 3 and not with node 17;
--          '@' counts the visitors who see the page somewhere, so it goes where the visitors go
--   p:NODE set: the pages with a part of this node
--   index  sorted set: the pages that somebody is on, by visitors
-- Channels: to:NODE, for what a node must know.

-- Refuses a call of a node that is not known. A register that is lost is not begun by that.
local function refuse(nodes)
  if redis.call('HEXISTS', nodes, '@id') == 1 then
    redis.call('HINCRBY', nodes, '@refused', 1)
  end
  return {0}
end

-- A visitor's places, without those of a node.
local function without(places, number)
  local kept = ''
  for other, sees in string.gmatch(places, '(%d+)(v?),') do
    if other ~= number then
      kept = kept .. other .. sees .. ','
    end
  end
  return kept
end

local function sees(places)
  return string.find(places, 'v', 1, true) and 1 or 0
end

-- A page's total, its nodes, and this node's part of it.
local function read_page(c, v, number)
  local page = {connections = 0, visitors = 0, visible = 0, numbers = {}, mine = {0, 0, 0}}
  local fields = redis.call('HGETALL', c)
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if name == '@version' then
      page.version = tonumber(value)
    else
      local connections, anonymous, visible = string.match(value, '^(%d+),(%d+),(%d+)$')
      page.connections = page.connections + connections
      page.visitors = page.visitors + anonymous
      page.visible = page.visible + visible
      page.numbers[#page.numbers + 1] = name
      if name == number then
        page.mine = {tonumber(connections), tonumber(anonymous), tonumber(visible)}
        page.is_mine = true
      end
    end
  end
  page.seeing = tonumber(redis.call('HGET', v, '@') or 0)
  page.visible = page.visible + page.seeing
  page.visitors = page.visitors + math.max(0, redis.call('HLEN', v) - 1)
  return page
end

local function copy_total(page)
  return {connections = page.connections, visitors = page.visitors, visible = page.visible}
end

-- Puts visitors where they are now: places holds the old ones, in the order of names. Changes the page's total.
-- Returns the visitors who came to the page and those who left it; and for each other node those of its visitors
-- who came to this one.
local function place(v, page, number, names, places, states)
  local entered, exited, returned, set, gone, seeing = {}, {}, {}, {}, {}, 0
  for i, name in ipairs(names) do
    local before, state = places[i] or '', states[i]
    local after = without(before, number)
    if state ~= 'a' and after == before then
      for other in string.gmatch(before, '(%d+)v?,') do
        returned[other] = returned[other] or {}
        table.insert(returned[other], name)
      end
    end
    if state == 'v' then
      after = after .. number .. 'v,'
    elseif state == 'h' then
      after = after .. number .. ','
    end
    seeing = seeing + sees(after) - sees(before)
    if after ~= '' then
      set[#set + 1] = name
      set[#set + 1] = after
      if before == '' then
        entered[#entered + 1] = name
      end
    elseif before ~= '' then
      gone[#gone + 1] = name
      exited[#exited + 1] = name
    end
  end
  page.visitors = page.visitors + #entered - #exited
  page.visible = page.visible + seeing
  if #entered > 0 or seeing ~= 0 then
    set[#set + 1] = '@'
    set[#set + 1] = page.seeing + seeing
  end
  if #set > 0 then
    redis.call('HSET', v, unpack(set))
  end
  if #gone > 0 then
    redis.call('HDEL', v, unpack(gone))
    if redis.call('HLEN', v) == 1 then
      redis.call('DEL', v)
    end
  end
  return entered, exited, returned
end

-- Numbers a change, and tells the others of it. Forgets a page that no node is on. Returns the page's version.
local function change(nodes, c, v, index, key, page, before, number, everywhere, publish, channel)
  local is_empty = #page.numbers == 0
  if is_empty then
    redis.call('DEL', c, v)
  end
  if page.connections == before.connections and page.visitors == before.visitors
      and page.visible == before.visible then
    if page.connections > 0 then -- somebody may have deleted it
      redis.call('ZADD', index, page.visitors, key)
    end
    if page.version and not is_empty then
      return page.version
    end
    local version = tonumber(redis.call('HGET', nodes, '@version') or 0)
    if not is_empty then
      redis.call('HSET', c, '@version', version)
    end
    return version
  end
  local version = redis.call('HINCRBY', nodes, '@version', 1)
  if not is_empty then
    redis.call('HSET', c, '@version', version)
  end
  if page.connections == 0 then
    redis.call('ZREM', index, key)
  elseif page.visitors ~= before.visitors or before.connections == 0 then
    redis.call('ZADD', index, page.visitors, key)
  end
  local told = {[number] = true}
  local text = cmsgpack.pack({20, key, version, page.connections, page.visitors, page.visible})
  for _, other in ipairs(page.numbers) do
    if not told[other] then
      told[other] = true
      redis.call(publish, channel .. other, text)
    end
  end
  for other in string.gmatch(everywhere or '', '(%d+),') do
    if not told[other] then
      told[other] = true
      redis.call(publish, channel .. other, text)
    end
  end
  return version
end
