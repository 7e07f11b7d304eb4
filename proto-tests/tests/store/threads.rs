//! Several threads at one store: what each has done to its own peers is what is left of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;

use chihaya::bittorrent::{Endpoint, Family, InfoHash, PerFamily};
use chihaya::clock::Now;
use chihaya::storage::SWEEPS_PER_PASS;
use chihaya::storage::{Announce, Answer, Batch, Change, Reply, Request, Role, Scrape, Storage, Want};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::open;

#[test]
fn threads_that_share_torrents_keep_their_own_peers() {
    for shards in [1, 3] {
        let store = open("memory", &format!("shards = {shards}"), 60);
        let kept: Peers = thread::scope(|scope| {
            let store = &*store;
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || work(store, thread))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no thread panics")).collect()
        });
        // Those that were announced too long ago go now, if they have not yet.
        (0..SWEEPS_PER_PASS).for_each(|_| store.sweep(NOW));
        let torrents: BTreeSet<_> = kept.keys().map(|(torrent, _)| torrent).collect();
        let of = |family, seeders: bool| {
            let counted = |role: Role| !seeders || role == Role::Seeder;
            kept.iter().filter(|((_, peer), role)| peer.family() == family && counted(**role)).count() as u64
        };
        let [peers, seeders] =
            [false, true].map(|only| PerFamily { v4: of(Family::V4, only), v6: of(Family::V6, only) });
        let totals = store.totals();
        assert_eq!(totals.torrents, Some(torrents.len() as u64));
        assert_eq!((totals.peers, totals.seeders), (Some(peers), Some(seeders)));
        (0..TORRENTS).for_each(|torrent| assert_eq!(shown(&*store, torrent), expected(&kept, torrent), "{torrent}"));
    }
}

/// What peers do in which torrent.
type Peers = BTreeMap<(u8, Endpoint), Role>;

/// Announces of this thread's own peers, and what is left of them.
fn work(store: &dyn Storage, thread: u16) -> Peers {
    let mut rng = SmallRng::seed_from_u64(thread.into());
    let mut peers = Peers::new();
    for round in 0..ROUNDS {
        let mut batch = Batch { seed: rng.random(), ..Batch::default() };
        // Some announce too long ago to be kept. The last of them are left to a last pass.
        let now = if round % 8 == 7 { LONG_AGO } else { NOW };
        // Torrents grow, some to crowds, and shrink again.
        let leaving = if round / 20 % 2 == 0 { 1 } else { 6 };
        for _ in 0..64 {
            // The first torrents are the largest.
            let torrent = rng.random_range(0..TORRENTS).min(rng.random_range(0..TORRENTS));
            let who = rng.random_range(0..PEERS) + if now == NOW { 0 } else { PEERS };
            let peer = endpoint(thread, who);
            let change = match rng.random_range(0..10) {
                dice if dice < leaving => Change::Absent,
                9 => Change::Unchanged { role: Role::Downloader },
                _ => Change::Present { role: ROLES[rng.random_range(0..3)], completed: false },
            };
            match change {
                Change::Present { role, .. } if now == NOW => drop(peers.insert((torrent, peer), role)),
                Change::Absent => drop(peers.remove(&(torrent, peer))),
                _ => {}
            }
            let want = Want { peers: rng.random_range(0..50), both_families: rng.random() };
            batch.push(Announce { info_hash: InfoHash([torrent; 20]), peer, change, want });
        }
        let Answer::Ready(batch) = store.apply(now, batch) else { unreachable!("it answers at once") };
        check(&batch);
        if rng.random_range(0..4) == 0 {
            store.sweep(NOW);
        }
    }
    peers
}

/// Peers are distinct, and never the requester.
fn check(batch: &Batch) {
    for entry in &batch.entries {
        let (Request::Announce(announce), Reply::Announce { peers, .. }) = (entry.request, entry.reply) else {
            panic!("{entry:?}");
        };
        let list = |family| Endpoint::list(family, batch.compact(peers[family]));
        let all: Vec<_> = Family::BOTH.into_iter().flat_map(list).collect();
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(!distinct.contains(&announce.peer) && all.len() <= announce.want.peers as usize);
    }
}

/// The peers of a torrent, and the seeders and leechers of each family.
type Shown = (BTreeSet<Endpoint>, [[u32; 2]; 2]);

fn shown(store: &dyn Storage, torrent: u8) -> Shown {
    let info_hash = InfoHash([torrent; 20]);
    let change = Change::Unchanged { role: Role::Downloader };
    let want = Want { peers: u32::MAX, both_families: true };
    let mut batch = Batch::default();
    batch.push(Announce { info_hash, peer: endpoint(THREADS, 0), change, want });
    Family::BOTH.into_iter().for_each(|family| batch.push(Scrape { info_hash, family }));
    let Answer::Ready(batch) = store.apply(NOW, batch) else { unreachable!("it answers at once") };
    let replies: Vec<_> = batch.entries.iter().map(|entry| entry.reply).collect();
    let [Reply::Announce { peers, .. }, Reply::Scrape { counts: v4 }, Reply::Scrape { counts: v6 }] = replies[..]
    else {
        panic!("{replies:?}");
    };
    let list = |family| Endpoint::list(family, batch.compact(peers[family]));
    let all = Family::BOTH.into_iter().flat_map(list).collect();
    (all, [v4, v6].map(|counts| [counts.seeders, counts.leechers]))
}

fn expected(peers: &Peers, torrent: u8) -> Shown {
    let members: Vec<_> = peers.iter().filter(|((of, _), _)| *of == torrent).collect();
    let count = |family, seeders| {
        let counted =
            members.iter().filter(|((_, peer), role)| peer.family() == family && (**role == Role::Seeder) == seeders);
        u32::try_from(counted.count()).expect("not so many")
    };
    let counts = Family::BOTH.map(|family| [count(family, true), count(family, false)]);
    (members.iter().map(|((_, peer), _)| *peer).collect(), counts)
}

/// Each thread has a network of its own, of both families.
fn endpoint(thread: u16, who: u16) -> Endpoint {
    let [high, low] = who.to_be_bytes();
    let network = 16 + thread.to_be_bytes()[1];
    let address = match who % 3 {
        0 => Ipv6Addr::new(0x2001, 0xdb8, thread, 0, 0, 0, 0, who).into(),
        _ => Ipv4Addr::new(198, network, high, low).into(),
    };
    Endpoint::new(address, 6881)
}

const THREADS: u16 = 4;
const ROUNDS: u16 = 120;
const TORRENTS: u8 = 6;
const PEERS: u16 = 400;
const ROLES: [Role; 3] = [Role::Downloader, Role::Seeder, Role::PartialSeed];
const NOW: Now = Now(1_000);
const LONG_AGO: Now = Now(900);
