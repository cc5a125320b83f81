-- Shared by write.lua and restore.lua, which follow it in one script.
--
-- Ids and counters are 64 bits wide and Lua's numbers are doubles, exact up to
-- 2^53 only: they are handled as decimal strings without leading zeros.
if redis.replicate_commands then redis.replicate_commands() end -- Redis < 7, KeyDB: the effects are copied, not the script

local MAXSEQ = '4194303' -- of the number in an id, so that it fits the 22 bits of a tile
local MAX, MIN = '9223372036854775807', '9223372036854775808' -- of int64, without the sign

-- The arguments one after the other.
local at = 0
local function arg()
	at = at + 1
	return ARGV[at]
end

local function less(a, b)
	if #a ~= #b then return #a < #b end
	return a < b
end

-- Limbs of seven digits, lowest first, each with the sign of the whole.
local function limbs(s)
	local sign = 1
	if string.sub(s, 1, 1) == '-' then
		sign, s = -1, string.sub(s, 2)
	end
	s = string.rep('0', 21 - #s) .. s
	return sign * tonumber(string.sub(s, 15)), sign * tonumber(string.sub(s, 8, 14)), sign * tonumber(string.sub(s, 1, 7))
end

local function carry(low, mid, high)
	local c = math.floor(low / 1e7)
	low, mid = low - c * 1e7, mid + c
	c = math.floor(mid / 1e7)
	return low, mid - c * 1e7, high + c
end

-- The sum of two int64, which stays at either end instead of wrapping round.
local function add(a, b)
	if #a < 16 and #b < 16 then
		return string.format('%.0f', tonumber(a) + tonumber(b))
	end
	local a1, a2, a3 = limbs(a)
	local b1, b2, b3 = limbs(b)
	local low, mid, high = carry(a1 + b1, a2 + b2, a3 + b3)
	local sign, most = '', MAX
	if high < 0 then
		sign, most = '-', MIN
		low, mid, high = carry(-low, -mid, -high)
	end
	local digits = string.gsub(string.format('%.0f%07.0f%07.0f', high, mid, low), '^0+', '')
	if digits == '' then return '0' end
	if less(most, digits) then digits = most end
	return sign .. digits
end

-- An id is a table {ms, seq}.
local function parseID(s)
	local ms, seq = string.match(s, '^(%d+)%-(%d+)')
	return {ms, seq}
end

local function before(a, b)
	if a[1] ~= b[1] then return less(a[1], b[1]) end
	return less(a[2], b[2])
end

-- The highest id that the new one has to follow.
local seen = {'0', '0'}
local function follow(id)
	if before(seen, id) then seen = id end
end

-- The kind and stamp at the head of a value, "c 1795465238123-0-4 42", and what
-- comes after them. A value that is missing or strange has none.
local function split(value)
	if not value then return nil end
	local _, last, kind, ms, seq, index = string.find(value, '^(%a) (%d+)%-(%d+)%-(%d+) ')
	if not kind then return nil end
	return kind, {ms, seq, index}, string.sub(value, last + 1)
end

local function older(a, b)
	if a[1] ~= b[1] or a[2] ~= b[2] then return before(a, b) end
	return less(a[3], b[3])
end

local function stampOf(s)
	local ms, seq, index = string.match(s, '^(%d+)%-(%d+)%-(%d+)$')
	return {ms, seq, index}
end

local function written(stamp) return stamp[1] .. '-' .. stamp[2] .. '-' .. stamp[3] end

-- The id of the last entry of the log, '0-0' when there is none. The next one also
-- has to follow those that were removed or trimmed: the server says so.
local function lastOf(log)
	if redis.call('EXISTS', log) == 0 then return '0-0' end
	local info = redis.call('XINFO', 'STREAM', log)
	local last = '0-0'
	for i = 1, #info, 2 do
		if info[i] == 'last-generated-id' then
			follow(parseID(info[i + 1]))
		elseif info[i] == 'last-entry' and info[i + 1] then
			last = info[i + 1][1]
		end
	end
	return last
end

-- Removes what is much older than the entry id from the log, about.
local function forget(log, id, age)
	local ms = add(parseID(id)[1], '-' .. age)
	if string.sub(ms, 1, 1) ~= '-' then redis.call('XTRIM', log, 'MINID', '~', ms .. '-0') end
end

-- The least id that is greater than seen and not less than the clock; none when
-- int64 is used up.
local function nextID()
	local time = redis.call('TIME')
	local ms = string.gsub(time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000)), '^0+', '')
	if less(seen[1], ms) then return ms .. '-0' end
	if less(MAX, seen[1]) then return nil end
	if less(seen[2], MAXSEQ) then return seen[1] .. '-' .. add(seen[2], '1') end
	if seen[1] ~= MAX then return add(seen[1], '1') .. '-0' end
	return nil
end

-- Values of many fields as a table, in pieces that Lua's stack can take.
local function fetch(key, fields)
	local values = {}
	for from = 1, #fields, 1000 do
		local piece = redis.call('HMGET', key, unpack(fields, from, math.min(from + 999, #fields)))
		for i = 1, #piece do values[from + i - 1] = piece[i] end
	end
	return values
end

-- Writes what a hash is to hold: set is field to value, false where the field is
-- to go. The fields come in their own list, so that the order is the same each time.
local function store(key, fields, set)
	local puts, dels = {}, {}
	for _, field in ipairs(fields) do
		local value = set[field]
		if value then
			puts[#puts + 1] = field
			puts[#puts + 1] = value
		else
			dels[#dels + 1] = field
		end
	end
	for from = 1, #dels, 1000 do
		redis.call('HDEL', key, unpack(dels, from, math.min(from + 999, #dels)))
	end
	for from = 1, #puts, 1000 do
		redis.call('HSET', key, unpack(puts, from, math.min(from + 999, #puts)))
	end
end

-- A set that remembers the order in which fields were first put.
local function newSet()
	local fields, set = {}, {}
	return fields, set, function(field, value)
		if set[field] == nil then fields[#fields + 1] = field end
		set[field] = value
	end
end

-- Registers the features that follow in the arguments.
local function readFeatures()
	local fields = {}
	for _ = 1, tonumber(arg()) do
		fields[#fields + 1] = 'feature:' .. arg()
		fields[#fields + 1] = '1'
	end
	return fields
end

-- The tiles that follow in the arguments, with pieces of that many values each. Where
-- a tile or the hash that says that it is there holds something else, the script stops,
-- or leaves the tile out if it is lenient.
local function readTiles(first, size, lenient)
	local tiles = {}
	for n = 1, tonumber(arg()) do
		local tile = {key = KEYS[first + n - 1], hash = KEYS[tonumber(arg())], field = arg(), pieces = {}}
		for _ = 1, tonumber(arg()) do
			local piece = {}
			for i = 1, size do piece[i] = tonumber(arg()) end
			tile.pieces[#tile.pieces + 1] = piece
		end
		local call = lenient and redis.pcall or redis.call
		local length, marked = call('STRLEN', tile.key), call('HEXISTS', tile.hash, tile.field)
		if type(length) == 'number' and type(marked) == 'number' then
			tile.marked = marked == 1
			tiles[#tiles + 1] = tile
		end
	end
	return tiles
end

-- A cell of a tile as state.TileCell says: 42 bits of milliseconds, 22 of the number
-- within, 8 of the colour. In two halves, since Lua's numbers hold no 64 bits.
local function packCell(ms, seq, colour)
	ms = math.min(ms, 4398046511103)
	local low = ms % 1024
	return struct.pack('>I4I4B', (ms - low) / 1024, low * 4194304 + seq, colour)
end

-- Says in the state hash that the tile is there.
local function markTile(tile)
	if not tile.marked then redis.call('HSET', tile.hash, tile.field, 'g') end
end
