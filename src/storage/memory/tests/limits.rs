//! A store that is full answers as ever, and stores nobody new.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::super::{Config, MemoryStorage};
use super::kind::spread;
use crate::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};
use crate::clock::{Clock, Now};
use crate::storage::{
    Announce, Answer, Batch, Change, Environment, Reply, Role, SWEEPS_PER_PASS, Scrape, Storage, Want,
};

/// Peers live for a minute.
fn store(max_peers: usize, max_torrents: usize) -> MemoryStorage {
    let environment = Environment::new(Duration::from_secs(60), *b"0123456789abcdef", Clock::start());
    MemoryStorage::new(&Config { shards: 16, max_peers, max_torrents }, environment)
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
            (0..limit).for_each(|number| _ = announce(&store, 0, number % torrents, number, COMES));
            let full = store.totals();
            let (counts, told) = announce(&store, 0, 0, 1_001, COMES);
            assert_eq!((counts, told > 0), (scrape(&store, 0, Family::V4), true), "{torrents} {limit}");
            assert_eq!(announce(&store, 0, 1_000, 1_001, COMPLETES), (Counts::default(), 0));
            assert_eq!((store.totals(), store.health().refused), (full, 2));
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
    assert_eq!((peers(&store), store.health().refused), (299, 0));
    announce(&store, 62, 5, 1_000, COMES);
    announce(&store, 62, 5, 1_001, COMES);
    assert_eq!((peers(&store), store.health().refused), (300, 1));
    announce(&store, 62, 5, 1_000, Change::Absent);
    announce(&store, 62, 5, 1_001, COMES);
    assert_eq!((peers(&store), store.health().refused), (300, 1));
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
    assert_eq!((store.totals().torrents, store.health().refused), (Some(10), 90));
    // A known one takes more peers.
    (0..50).for_each(|number| _ = announce(&store, 0, 3, number, COMES));
    assert_eq!((peers(&store), store.health().refused), (50, 90));
}

#[test]
fn whatever_comes_and_goes_a_limit_is_kept_and_used() {
    let mut rng = SmallRng::seed_from_u64(1);
    let (limited, unlimited) = (store(200, 20), store(0, 0));
    let mut now = 0;
    for step in 0..if cfg!(debug_assertions) { 20_000 } else { 200_000 } {
        let (torrent, number) = (rng.random_range(0..30), rng.random_range(0..400));
        let change = [COMES, COMES, COMPLETES, Change::Absent][rng.random_range(0..4)];
        let refused = limited.health().refused;
        let told = announce(&limited, now, torrent, number, change);
        announce(&unlimited, now, torrent, number, change);
        let totals = (peers(&limited), limited.totals().torrents.unwrap());
        assert!(totals.0 <= 200 && totals.1 <= 20, "{totals:?}");
        if limited.health().refused > refused {
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
    assert!(limited.health().refused > 0 && peers(&unlimited) > 200);
    assert_eq!(unlimited.health().refused, 0);
}
