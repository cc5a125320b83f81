-- Puts cells of earlier entries back into the state where it holds nothing newer,
-- and makes them one entry of the log.
--
-- KEYS: as in write.lua.
-- ARGV: the highest id the writer has merged; the cap of the log; the cap of a list
--       that is not there; the entry; a count of features and their names; a count of
--       state hashes; then for each a count of cells and those, each with kind (r, x,
--       p, d, c as in write.lua, i for an item of a list), field, stamp and value; then
--       tiles as in write.lua, with pieces of one cell each: its place, colour, and the
--       two parts of its id.
-- Returns {'taken', id, previous id} or {'full'}.
--
-- A cell that is there already is written again: an equal value is copied to the
-- other stores like any other, which may lack it. A key that holds something else than
-- state is left alone.
local log, site = KEYS[1], KEYS[2]
local after, cap, listCap, entry = arg(), arg(), arg(), arg()
local features = readFeatures()

local last = lastOf(log)
follow(parseID(last))
follow(parseID(after))

local hashes = {}
local count = tonumber(arg())
for k = 3, 2 + count do
	local key = KEYS[k]
	local cells, names, asked = {}, {}, {}
	for i = 1, tonumber(arg()) do
		local cell = {arg(), arg(), stampOf(arg()), arg()}
		cells[i] = cell
		follow(cell[3])
		local name = cell[2]
		if cell[1] == 'i' then name = name .. '\31' end
		if not asked[name] then
			asked[name] = true
			names[#names + 1] = name
		end
	end
	local is = redis.call('TYPE', key).ok
	local ours = is == 'hash' or is == 'none'
	local values, there = ours and fetch(key, names) or {}, {}
	for i, name in ipairs(names) do
		local kind, stamp, rest = split(values[i])
		if kind then
			there[name] = {kind, stamp, rest}
			follow(stamp)
		end
	end

	local fields, set, put = newSet()
	local lists, order = {}, {}
	for _, cell in ipairs(cells) do
		local kind, field, stamp, value = cell[1], cell[2], cell[3], cell[4]
		if kind == 'i' then
			if not lists[field] then
				lists[field] = {}
				order[#order + 1] = field
			end
			table.insert(lists[field], {stamp, value})
		elseif not there[field] or not older(stamp, there[field][2]) then
			if kind == 'd' then
				put(field, false)
			else
				put(field, kind .. ' ' .. written(stamp) .. ' ' .. value)
			end
		end
	end

	for _, field in ipairs(order) do
		local items, have = {}, {}
		local function take(stamp, value)
			local name = written(stamp)
			if not have[name] then
				have[name] = true
				items[#items + 1] = {stamp, value}
			end
		end
		local first, limit, numbers = 1, listCap, {}
		local from, to, keep
		if there[field .. '\31'] then from, to, keep = string.match(there[field .. '\31'][3], '^(%d+) (%d+) (%d+)') end
		if from then
			first, limit = tonumber(from), keep
			for n = first, tonumber(to) - 1 do numbers[#numbers + 1] = string.format('%s\31%.0f', field, n) end
		end
		for i, value in ipairs(fetch(key, numbers)) do
			local kind, stamp, rest = split(value)
			if kind == 'i' then
				follow(stamp)
				take(stamp, rest)
			end
			put(numbers[i], false)
		end
		for _, item in ipairs(lists[field]) do take(item[1], item[2]) end
		table.sort(items, function(a, b) return older(a[1], b[1]) end)
		local from = math.max(1, #items - tonumber(limit) + 1)
		local number = first
		for i = from, #items do
			put(string.format('%s\31%.0f', field, number), 'i ' .. written(items[i][1]) .. ' ' .. items[i][2])
			number = number + 1
		end
		put(field .. '\31', string.format('l %s %.0f %.0f %s', written(items[#items][1]), first, number, limit))
	end
	if ours then hashes[#hashes + 1] = {key, fields, set} end
end

local tiles = readTiles(3 + count, 4, true)
local id = nextID()
if not id then return {'full'} end
for from = 1, #features, 1000 do
	redis.call('HSET', site, unpack(features, from, math.min(from + 999, #features)))
end
for _, hash in ipairs(hashes) do store(hash[1], hash[2], hash[3]) end
for _, tile in ipairs(tiles) do
	for _, cell in ipairs(tile.pieces) do
		local packed = packCell(cell[3], cell[4], cell[2])
		local there = redis.call('GETRANGE', tile.key, cell[1] * 9, cell[1] * 9 + 8)
		local newer = false
		if #there == 9 then
			local high, low = struct.unpack('>I4I4', there)
			local high2, low2 = struct.unpack('>I4I4', packed)
			newer = high > high2 or high == high2 and low > low2
		end
		if not newer then redis.call('SETRANGE', tile.key, cell[1] * 9, packed) end
	end
	markTile(tile)
end
redis.call('XADD', log, 'MAXLEN', '~', cap, id, 'e', entry, 'p', last)
return {'taken', id, last}
