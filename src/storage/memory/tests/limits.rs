//! A store that is full answers as ever, and has those give way who have announced once and are alone.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::super::key::Key;
use super::super::ports::Ports;
use super::super::{Config, MemoryStorage};
use super::kind::spread;
use crate::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};
use crate::clock::{Clock, Now};
use crate::storage::{
    Announce, Answer, Batch, Change, Environment, Health, Limits, Refused, Reply, Role, SWEEPS_PER_PASS, Scrape,
    Storage, Want,
};

/// Peers live for a minute.
fn store(max_peers: usize, max_torrents: usize) -> MemoryStorage {
    limited(Config { shards: 16, max_peers, max_torrents }, Limits::NONE)
}

fn limited(config: Config, limits: Limits) -> MemoryStorage {
    let mut environment = Environment::new(Duration::from_secs(60), *b"0123456789abcdef", Clock::start());
    environment.limits = limits;
    MemoryStorage::new(&config, environment)
}

/// What a request is told: the counts, and how many peers.
fn announce(store: &MemoryStorage, now: u32, torrent: u32, number: u32, change: Change) -> (Counts, usize) {
    let peer = if number.is_multiple_of(3) { Endpoint::V6(spread(number)) } else { Endpoint::V4(spread(number)) };
    let want = Want { peers: 1_000, both_families: true };
    let mut batch = Batch::default();
    batch.push(Announce { info_hash: InfoHash(spread(torrent)), peer, change, want });
    let Answer::Ready(batch) = store.apply(Now(now), batch) else { panic!("it is late") };
    let Reply::Announce { counts, peers } = batch.entries[0].reply else { panic!("{batch:?}") };
    (counts, peers.v4.range().len() / 6 + peers.v6.range().len() / 18)
}

fn peers(store: &MemoryStorage) -> u64 {
    let PerFamily { v4, v6 } = store.totals().peers.unwrap();
    v4 + v6
}

fn pass(store: &MemoryStorage, now: u32) {
    (0..SWEEPS_PER_PASS).for_each(|_| store.sweep(Now(now)));
}

const COMES: Change = Change::Present { role: Role::Downloader, completed: false };
const COMPLETES: Change = Change::Present { role: Role::Seeder, completed: true };

#[test]
fn a_peer_beyond_the_limit_is_answered_and_neither_it_nor_its_torrent_is_stored() {
    // In one torrent, alone, few and many; and in one each.
    for torrents in [1, 400] {
        for limit in [1, 30, 400] {
            let store = store(limit as usize, 0);
            // Renewed, so that nobody gives way.
            for (now, number) in (0..limit).map(|number| (0, number)).chain((0..limit).map(|number| (10, number))) {
                announce(&store, now, number % torrents, number, COMES);
            }
            let full = store.totals();
            let (counts, told) = announce(&store, 10, 0, 1_001, COMES);
            assert_eq!((counts, told > 0), (scrape(&store, 0, Family::V4), true), "{torrents} {limit}");
            assert_eq!(announce(&store, 10, 1_000, 1_001, COMPLETES), (Counts::default(), 0));
            assert_eq!((store.totals(), store.health().refused.room), (full, 2));
        }
    }
}

fn scrape(store: &MemoryStorage, torrent: u32, family: Family) -> Counts {
    let mut batch = Batch::default();
    batch.push(Scrape { info_hash: InfoHash(spread(torrent)), family });
    let Answer::Ready(batch) = store.apply(Now(0), batch) else { panic!("it is late") };
    let Reply::Scrape { counts } = batch.entries[0].reply else { panic!("{batch:?}") };
    counts
}

#[test]
fn peers_of_a_full_store_are_renewed_and_those_who_go_make_room() {
    let store = store(300, 0);
    (0..300).for_each(|number| _ = announce(&store, 0, number % 2, number, COMES));
    // They come again, all but one, and complete their downloads.
    for number in 1..300 {
        assert!(announce(&store, 40, number % 2, number, COMPLETES).0.completed > 0);
    }
    pass(&store, 62);
    assert_eq!((peers(&store), store.health().refused.room), (299, 0));
    announce(&store, 62, 5, 1_000, COMES);
    announce(&store, 62, 5, 1_001, COMES);
    assert_eq!((peers(&store), store.health().refused.room), (300, 1));
    announce(&store, 62, 5, 1_000, Change::Absent);
    announce(&store, 62, 5, 1_001, COMES);
    assert_eq!((peers(&store), store.health().refused.room), (300, 1));
    pass(&store, 200);
    assert_eq!(peers(&store), 0);
    announce(&store, 200, 5, 1_001, COMES);
    assert_eq!(peers(&store), 1);
}

#[test]
fn torrents_are_limited_too_and_those_without_peers_with_them() {
    let store = store(0, 10);
    for torrent in 0..100 {
        announce(&store, 0, torrent, 1, COMPLETES);
        announce(&store, 0, torrent, 1, Change::Absent);
    }
    let Health { refused: Refused { room: refused, .. }, evicted, .. } = store.health();
    assert_eq!((store.totals().torrents, refused + evicted), (Some(10), 90));
    // A known one takes more peers.
    let known = (0..100).find(|&torrent| scrape(&store, torrent, Family::V4).completed > 0).unwrap();
    (0..50).for_each(|number| _ = announce(&store, 0, known, number, COMES));
    assert_eq!((peers(&store), store.health().refused.room), (50, refused));
}

#[test]
fn whatever_comes_and_goes_a_limit_is_kept_and_used() {
    let mut rng = SmallRng::seed_from_u64(1);
    let (limited, unlimited) = (store(200, 20), store(0, 0));
    let mut now = 0;
    for step in 0..if cfg!(debug_assertions) { 20_000 } else { 200_000 } {
        let (torrent, number) = (rng.random_range(0..30), rng.random_range(0..400));
        let change = [COMES, COMES, COMPLETES, Change::Absent][rng.random_range(0..4)];
        let refused = limited.health().refused.room;
        let told = announce(&limited, now, torrent, number, change);
        announce(&unlimited, now, torrent, number, change);
        let totals = (peers(&limited), limited.totals().torrents.unwrap());
        assert!(totals.0 <= 200 && totals.1 <= 20, "{totals:?}");
        if limited.health().refused.room > refused {
            assert!(totals.0 == 200 || totals.1 == 20, "{totals:?} are not full");
        } else if let Change::Present { role, .. } = change {
            let counts = told.0;
            assert!(if role == Role::Seeder { counts.seeders } else { counts.downloaders } > 0, "{step}: {counts:?}");
        }
        if rng.random_ratio(1, 500) {
            now += rng.random_range(1..40);
            limited.sweep(Now(now));
            unlimited.sweep(Now(now));
        }
    }
    assert!(limited.health().refused.room > 0 && peers(&unlimited) > 200);
    assert_eq!(unlimited.health().refused.room, 0);
}

/// Torrents of one shard, and what becomes of them when a thousand others are invented.
fn after_a_flood(config: Config, prepare: impl Fn(&MemoryStorage)) -> (MemoryStorage, Health) {
    let store = limited(Config { shards: 1, ..config }, Limits::NONE);
    prepare(&store);
    (0..1_000).for_each(|torrent| _ = announce(&store, 12, 10_000 + torrent, torrent, COMES));
    let health = store.health();
    (store, health)
}

#[test]
fn those_who_are_alone_and_have_not_been_renewed_give_way_and_nobody_else() {
    for config in [Config { max_torrents: 100, ..Config::default() }, Config { max_peers: 100, ..Config::default() }] {
        let (store, health) = after_a_flood(config.clone(), |store| {
            // Alone of either family, and renewed; and two who have announced once.
            (0..20).for_each(|torrent| _ = announce(store, 0, torrent, torrent, COMES));
            (0..20).for_each(|torrent| _ = announce(store, 10, torrent, torrent, COMES));
            (20..60).for_each(|number| _ = announce(store, 0, 20 + number / 2, number, COMES));
            // Alone, once, or again at once.
            (60..100).for_each(|torrent| _ = announce(store, 10, torrent, torrent, COMES));
            (60..80).for_each(|torrent| _ = announce(store, 12, torrent, torrent, COMES));
        });
        for torrent in 0..50 {
            let members = Family::BOTH.map(|family| scrape(&store, torrent, family).leechers);
            let expected = if torrent < 20 {
                1
            } else if (30..50).contains(&torrent) {
                2
            } else {
                0
            };
            assert_eq!(members[0] + members[1], expected, "{torrent}");
        }
        assert_eq!(health.refused.room, 0);
        let totals = (store.totals().torrents.unwrap(), peers(&store));
        assert_eq!(if config.max_torrents > 0 { totals.0 } else { totals.1 }, 100, "{config:?}");
        assert!((900..=1_000).contains(&health.evicted), "{health:?}");
        assert!(store.most_touched() < 300, "{}", store.most_touched());
    }
}

#[test]
fn where_nobody_can_give_way_newcomers_are_answered_and_counted() {
    let config = Config { max_torrents: 100, ..Config::default() };
    let (store, health) = after_a_flood(config, |store| {
        (0..200).for_each(|number| _ = announce(store, 0, number / 2, number, COMES));
    });
    assert_eq!((health.refused.room, health.evicted), (1_000, 0));
    assert_eq!((store.totals().torrents, peers(&store)), (Some(100), 200));
}

#[test]
fn a_torrent_without_peers_gives_way_to_another_torrent_after_those_with_one() {
    let config = Config { max_torrents: 100, ..Config::default() };
    let (store, health) = after_a_flood(config, |store| {
        for torrent in 0..99 {
            announce(store, 0, torrent, torrent, COMPLETES);
            announce(store, 0, torrent, torrent, Change::Absent);
        }
        announce(store, 0, 99, 99, COMES);
    });
    let completed = (0..99).filter(|&torrent| scrape(&store, torrent, Family::V4).completed > 0).count();
    assert_eq!((health.refused.room, health.evicted), (0, 1_000));
    assert!(completed >= 50, "{completed} of 99 are remembered");
    // But not to another peer.
    let store = limited(Config { shards: 1, max_peers: 1, ..Config::default() }, Limits::NONE);
    announce(&store, 0, 1, 1, COMPLETES);
    announce(&store, 0, 1, 1, Change::Absent);
    [0, 10].iter().for_each(|&now| _ = announce(&store, now, 2, 2, COMES));
    announce(&store, 10, 3, 3, COMES);
    assert_eq!((store.health().refused.room, store.health().evicted), (1, 0));
}

#[test]
fn one_who_joins_the_last_that_could_give_way_is_refused_and_it_stays() {
    let store = limited(Config { shards: 1, max_peers: 1, ..Config::default() }, Limits::NONE);
    announce(&store, 0, 1, 1, COMES);
    assert_eq!(announce(&store, 0, 1, 2, COMES).0.leechers, 1);
    assert_eq!((store.health().refused.room, store.health().evicted), (1, 0));
}

#[test]
fn new_entries_of_a_network_are_limited_and_renewals_are_not() {
    let limits = Limits { new_entries_per_second: 1, new_entries_burst: 50, ..Limits::NONE };
    let store = limited(Config::default(), limits);
    // Numbers below 2^8 share an IPv4 address: its last byte and the port count up.
    let port = |number: u32| 3 * number + 1;
    for number in 0..80 {
        assert_eq!(announce(&store, 0, 1, port(number), COMES).0.leechers, (number + 1).min(50));
    }
    assert_eq!((peers(&store), store.health().refused.network, store.health().refused.room), (50, 30, 0));
    // All who are known are renewed, by an empty bucket too.
    (0..50).for_each(|number| _ = announce(&store, 40, 1, port(number), COMPLETES));
    pass(&store, 63);
    assert_eq!((peers(&store), store.health().refused.network), (50, 30));
    assert_eq!(scrape(&store, 1, Family::V4).completed, 50);
    // The bucket has drained, and fills again.
    (50..110).for_each(|number| _ = announce(&store, 63, 2, port(number), COMES));
    assert_eq!((peers(&store), store.health().refused.network), (100, 40));
}

/// An endpoint of a number's address, or of its /64.
fn endpoint(family: Family, address: u16, port: u16) -> Endpoint {
    let [high, low] = address.to_be_bytes();
    let address = match family {
        Family::V4 => Ipv4Addr::new(10, 1, high, low).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 3, address, port / 7, 5, 6, port % 3).into(),
    };
    Endpoint::new(address, port)
}

fn announce_from(store: &MemoryStorage, torrent: u32, peer: Endpoint, change: Change) -> Counts {
    let mut batch = Batch::default();
    batch.push(Announce { info_hash: InfoHash(spread(torrent)), peer, change, want: Want::default() });
    let Answer::Ready(batch) = store.apply(Now(5), batch) else { panic!("it is late") };
    let Reply::Announce { counts, .. } = batch.entries[0].reply else { panic!("{batch:?}") };
    counts
}

#[test]
fn ports_of_an_address_in_one_swarm_are_limited() {
    for family in Family::BOTH {
        // In a swarm that is few, one that becomes a crowd, and one that is a crowd already.
        for (others, limit) in [(0, 3), (0, 16), (3, 100), (250, 256), (3_000, 40), (3_000, 256), (200, 700)] {
            let store = limited(Config::default(), Limits { ports_per_address: limit, ..Limits::NONE });
            (0..others).for_each(|other| _ = announce_from(&store, 1, endpoint(family, 100 + other, 1), COMES));
            let own = |port| endpoint(family, 7, 10_000 + port);
            let admitted = |torrent| -> Vec<u16> {
                let before = scrape(&store, torrent, family).leechers;
                let mut kept = before;
                let mut is_more = |port: &u16| {
                    let now = announce_from(&store, torrent, own(*port), COMES).leechers;
                    std::mem::replace(&mut kept, now) < now
                };
                (0..1_000).filter(&mut is_more).collect()
            };
            let known = admitted(1);
            let (least, most) = (usize::from(limit) * 4 / 5, limit.into());
            assert!((least..=most).contains(&known.len()), "{family:?} {others} {limit}: {}", known.len());
            assert_eq!(store.health().refused.ports, 1_000 - known.len() as u64);
            // Who is known is renewed, whatever the role, and whoever goes makes room; other swarms and addresses are others.
            let counts = known.iter().map(|&port| announce_from(&store, 1, own(port), COMPLETES)).last().unwrap();
            assert_eq!((counts.seeders as usize, counts.leechers), (known.len(), others.into()));
            assert!((least..=most).contains(&admitted(2).len()));
            assert!(announce_from(&store, 1, endpoint(family, 8, 10_000), COMES).leechers > u32::from(others));
            announce_from(&store, 1, own(known[0]), Change::Absent);
            let back = announce_from(&store, 1, own(known[0]), COMPLETES);
            assert_eq!(back.seeders as usize, known.len());
        }
    }
}

/// Ports that fall to one group, found out from the source code, get fewer in and cost nobody more.
#[test]
fn chosen_ports_fill_no_more_than_their_group() {
    let limits = Limits { ports_per_address: 256, ..Limits::NONE };
    let store = limited(Config { shards: 1, ..Config::default() }, limits);
    let ports = Ports::new(256);
    for family in Family::BOTH {
        let group = |port: &u16| match endpoint(family, 7, *port) {
            Endpoint::V4(endpoint) => ports.group(&endpoint),
            Endpoint::V6(endpoint) => ports.group(&endpoint),
        };
        let chosen: Vec<_> = (1..=u16::MAX).filter(|port| group(port) == group(&1)).collect();
        assert!(chosen.len() > 3_000);
        for torrent in [1, 2] {
            (0..2_000).for_each(|other| _ = announce_from(&store, 2, endpoint(family, 100 + other, 1), COMES));
            let before = scrape(&store, torrent, family).leechers;
            chosen.iter().for_each(|&port| _ = announce_from(&store, torrent, endpoint(family, 7, port), COMES));
            assert_eq!(scrape(&store, torrent, family).leechers - before, 16, "{family:?} {torrent}");
        }
    }
}

/// Who gives way to whom tells which torrents share a page. Here all are of one that somebody has found out.
#[test]
fn torrents_chosen_for_one_page_get_no_more_in_than_it_bears() {
    let store = limited(Config { shards: 1, ..Config::default() }, Limits::NONE);
    let key = Key::new(b"0123456789abcdef", Ports::default());
    let chosen = (0..).filter(|&torrent| key.hash(&spread::<20>(torrent)).page(64) == 5);
    let chosen: Vec<_> = chosen.take(9_000).collect();
    for &torrent in &chosen {
        // Two each, so that nobody gives way.
        announce(&store, 0, torrent, 1, COMES);
        announce(&store, 0, torrent, 2, COMES);
    }
    let torrents = store.totals().torrents.unwrap();
    assert!((3_900..4_500).contains(&torrents), "{torrents}");
    assert_eq!(store.health().refused.room, 2 * (9_000 - torrents));
    assert!(store.most_touched() <= super::super::shard::MOST_TOUCHED);
    // Those of other pages, which are few here, come in as ever.
    let others: Vec<_> = (1 << 20..(1 << 20) + 500).filter(|other| !chosen.contains(other)).collect();
    others.iter().for_each(|&torrent| _ = announce(&store, 0, torrent, 1, COMES));
    let came = store.totals().torrents.unwrap() - torrents;
    assert!(came * 3 > others.len() as u64, "{came}");
}

/// One source, and as many as there are, invent torrents while ordinary clients keep announcing.
#[test]
fn a_flood_of_invented_torrents_stays_within_the_bound_and_ordinary_swarms_lose_nobody() {
    for sources in [1, 1 << 16] {
        let store = store(0, 10_000);
        let ordinary = || (0..2_000).map(|number| (number / 2 + number / 4, number));
        (0..2).for_each(|_| ordinary().for_each(|(torrent, number)| _ = announce(&store, 0, torrent, number, COMES)));
        let before =
            Family::BOTH.map(|family| (0..1_500).map(|torrent| scrape(&store, torrent, family).leechers).sum());
        for invented in 0..60_000 {
            let source = invented % sources;
            announce(&store, invented / 1_500, 1 << 20 | invented, source << 16 | 1, COMES);
            if invented % 20_000 == 0 {
                ordinary().for_each(|(torrent, number)| _ = announce(&store, invented / 1_500, torrent, number, COMES));
            }
        }
        let after: [u32; 2] =
            Family::BOTH.map(|family| (0..1_500).map(|torrent| scrape(&store, torrent, family).leechers).sum());
        assert_eq!((before, after.iter().sum()), (after, 2_000_u32), "{sources}");
        let (torrents, health) = (store.totals().torrents.unwrap(), store.health());
        assert!((9_000..=10_000).contains(&torrents), "{torrents}");
        assert!(health.evicted > 45_000 && health.refused.room < 100, "{health:?}");
    }
}
