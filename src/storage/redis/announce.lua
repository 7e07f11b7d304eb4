-- One announce: the swarm's change, its counts and the peers to return, in one moment.
--
-- KEYS  1  the swarm of the announcer's family
--       2  the swarm of the other family
--       3  the torrent's completed downloads
-- ARGV  1  the announcer's endpoint: 6 or 18 bytes, as replies carry it
--       2  what becomes of its entry: "present", "completed" (present, and just done), "absent" or "unchanged"
--       3  its role: 0 downloader, 1 seeder, 2 partial seed
--       4  how many peers are wanted
--       5  "1" if those of the other family are welcome
--       6  a random number, below 2^32
--       7  how long a peer lives, in milliseconds
--
-- A swarm is one sorted set of endpoints, by
--
--     2^44 * role  +  2 * the millisecond in which the peer expires, by this server's clock  +  1 if it is settled
--
-- so that every role is a range of its own, downloaders first, and whoever expires first comes first in it. A peer is settled
-- once its completed download has been counted, or if it began as a seeder: it never counts (again).
--
-- Returns seeders, leechers, downloaders, completed downloads, how many peers of the first family may be returned, and the
-- endpoints of either family, one after another. If the announcer is on offer itself, the first family has one more
-- than may be returned: the caller leaves out the announcer, or else any other.

local DOWNLOADER, SEEDER, PARTIAL_SEED, RANGE = 0, 1, 2, 2 ^ 44

local own, other, downloads = KEYS[1], KEYS[2], KEYS[3]
local endpoint, change, role = ARGV[1], ARGV[2], tonumber(ARGV[3])
local want, both, random, lifetime = tonumber(ARGV[4]), ARGV[5] == '1', tonumber(ARGV[6]), tonumber(ARGV[7])

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Drops those of a role that have expired. Returns how many they were.
local function expire(swarm, of)
    return redis.call('ZREMRANGEBYSCORE', swarm, of * RANGE, of * RANGE + 2 * now + 1)
end

local function count(swarm, of)
    return redis.call('ZCOUNT', swarm, of * RANGE, (of + 1) * RANGE - 1)
end

-- Drops everyone that has expired. Returns how many there are in all, and of them downloaders and seeders. The score of
-- one of them that has not expired saves looking further if it is alone, as most are.
local function census(swarm, known)
    local all, downloaders, seeders = redis.call('ZCARD', swarm), 0, 0
    if all == 1 and known then
        local of = math.floor(known / RANGE)
        return 1, of == DOWNLOADER and 1 or 0, of == SEEDER and 1 or 0
    end
    if all > 0 then
        all = all - expire(swarm, DOWNLOADER)
        downloaders = count(swarm, DOWNLOADER)
    end
    if all > downloaders then
        all = all - expire(swarm, SEEDER)
        seeders = count(swarm, SEEDER)
    end
    if all > downloaders + seeders then
        all = all - expire(swarm, PARTIAL_SEED)
    end
    return all, downloaders, seeders
end

-- The first `number` downloaders from any one on, round and round; `skipped` is the rank of one not to begin with.
local function run(swarm, downloaders, number, skipped)
    local first = random % (skipped and downloaders - 1 or downloaders)
    if skipped and first >= skipped then
        first = first + 1
    end
    local last = first + number - 1
    if last < downloaders then
        return table.concat(redis.call('ZRANGE', swarm, first, last))
    end
    return table.concat(redis.call('ZRANGE', swarm, first, downloaders - 1))
        .. table.concat(redis.call('ZRANGE', swarm, 0, last - downloaders))
end

-- So many of those that one of this role is offered: downloaders have use for all, the others for downloaders.
local function choose(swarm, downloaders, number, skipped)
    if number == 0 then
        return ''
    elseif role == DOWNLOADER then
        return table.concat(redis.call('ZRANDMEMBER', swarm, number))
    end
    return run(swarm, downloaders, number, skipped)
end

-- What is known of the announcer.
local score = tonumber(redis.call('ZSCORE', own, endpoint) or nil)
if score and score % RANGE < 2 * now + 2 then
    score = nil
end

-- Its change. What may fail, for a key of another kind in its place, comes before what is to be kept.
local completed
if change == 'present' or change == 'completed' then
    local settled = score and score % 2 or (role == SEEDER and 1 or 0)
    if change == 'completed' and role == SEEDER and not (score and settled == 1) then
        redis.call('INCR', downloads)
        settled = 1
    end
    completed = redis.call('GETEX', downloads, 'PX', 2 * lifetime)
    score = role * RANGE + 2 * (now + lifetime) + settled
    redis.call('ZADD', own, score, endpoint)
    redis.call('PEXPIRE', own, lifetime)
else
    completed = redis.call('GET', downloads)
    if change == 'absent' then
        want = 0
        if score then
            redis.call('ZREM', own, endpoint)
            score = nil
        end
    end
end

local all, downloaders, seeders = census(own, score)
if change == 'absent' and completed and all == 0 and redis.call('EXISTS', other) == 0 then
    redis.call('PEXPIRE', downloads, lifetime)
end

-- How many of each family (see `Want::split`), and who.
local on_offer = score and (role == DOWNLOADER or score < RANGE)
local available = (role == DOWNLOADER and all or downloaders) - (on_offer and 1 or 0)
local share, other_share, other_downloaders = math.min(available, want), 0, 0
if both and want > 0 then
    local other_all
    other_all, other_downloaders = census(other)
    local other_available = role == DOWNLOADER and other_all or other_downloaders
    share = math.min(available, want - math.min(other_available, math.floor(want / 2)))
    other_share = math.min(other_available, want - share)
end
local skipped, more = nil, 0
if on_offer and share > 0 then
    more = 1
    skipped = role ~= DOWNLOADER and redis.call('ZRANK', own, endpoint)
end
return {
    seeders, all - seeders, downloaders, tonumber(completed or 0), share,
    choose(own, downloaders, share + more, skipped), choose(other, other_downloaders, other_share),
}
