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
-- Returns seeders, leechers, downloaders, completed downloads, and the endpoints of either family, one after another. The
-- announcer may be among those of the first family, as one too many: the caller leaves it out.

local DOWNLOADER, SEEDER, PARTIAL_SEED, RANGE = 0, 1, 2, 2 ^ 44
-- Of neighbours that are returned together: fewer runs cost less, more of them mix better.
local MOST_RUNS, SHORT_RUN = 4, 4

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

-- Chooses so many of the first `offered` of a swarm, each as likely as any other, and the announcer not, if that is one of them.
--
-- They come in runs of some that follow one another, with gaps of random lengths between, round and round from a random one on.
-- ZRANDMEMBER takes twice as long for what is more random and less fair: in a large set it prefers some members.
local function choose(swarm, offered, number, announcer_is_offered)
    if number == 0 then
        return ''
    end
    local others = offered - (announcer_is_offered and 1 or 0)
    if number == others then
        return table.concat(redis.call('ZRANGE', swarm, 0, offered - 1))
    end
    local announcer = announcer_is_offered and redis.call('ZRANK', swarm, endpoint) or offered
    local peers = {}
    local function take(first, last)
        if last >= others then
            take(first, others - 1)
            return take(0, last - others)
        end
        first, last = first + (first >= announcer and 1 or 0), last + (last >= announcer and 1 or 0)
        peers[#peers + 1] = table.concat(redis.call('ZRANGE', swarm, first, last))
    end
    math.randomseed(random)
    local at, free = random % others, others - number
    for runs = math.min(MOST_RUNS, math.ceil(number / SHORT_RUN)), 1, -1 do
        local length, gap = math.ceil(number / runs), math.min(free, math.random(0, math.floor(2 * free / runs)))
        take(at, at + length - 1)
        at, number, free = (at + length + gap) % others, number - length, free - gap
    end
    return table.concat(peers)
end

-- What is known of the announcer.
local score = tonumber(redis.call('ZSCORE', own, endpoint) or nil)
if score and score % RANGE < 2 * now + 2 then
    score = nil
end

-- Its change. What may fail, for a key of another kind in its place, comes before what is to be kept; and ZADD before all other
-- writes: a server that has no memory left refuses the first write of a script or none.
local completed = redis.call('GET', downloads)
if change == 'present' or change == 'completed' then
    local settled = score and score % 2 or (role == SEEDER and 1 or 0)
    local completes = change == 'completed' and role == SEEDER and not (score and settled == 1)
    score = role * RANGE + 2 * (now + lifetime) + (completes and 1 or settled)
    redis.call('ZADD', own, score, endpoint)
    redis.call('PEXPIRE', own, lifetime)
    if completes then
        completed = redis.call('INCR', downloads)
    end
    if completed then
        redis.call('PEXPIRE', downloads, 2 * lifetime)
    end
elseif change == 'absent' then
    want = 0
    if score then
        redis.call('ZREM', own, endpoint)
        score = nil
    end
end

local all, downloaders, seeders = census(own, score)
if change == 'absent' and completed and all == 0 and redis.call('EXISTS', other) == 0 then
    redis.call('PEXPIRE', downloads, lifetime)
end

-- How many of each family (see `Want::split`), and who. Downloaders have use for everyone, the others for downloaders.
local function offer(everyone, those_who_download)
    return role == DOWNLOADER and everyone or those_who_download
end

local announcer_is_offered = score and offer(true, score < RANGE)
local available = offer(all, downloaders) - (announcer_is_offered and 1 or 0)
local share, other_share, other_offered = math.min(available, want), 0, 0
if both and want > 0 then
    other_offered = offer(census(other))
    share = math.min(available, want - math.min(other_offered, math.floor(want / 2)))
    other_share = math.min(other_offered, want - share)
end
return {
    seeders, all - seeders, downloaders, tonumber(completed or 0),
    choose(own, offer(all, downloaders), share, announcer_is_offered), choose(other, other_offered, other_share, false),
}
