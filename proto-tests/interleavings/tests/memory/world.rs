//! A store, its threads, and what they are told.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use interleavings::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};
use interleavings::clock::{Clock, Now};
use interleavings::storage::conformance::Rules;
use interleavings::storage::memory::{Config, MemoryStorage};
use interleavings::storage::{
    Announce, Answer, Batch, Change, Environment, Reply, Request, Role, Scrape, Storage, Totals, Want,
};
use shuttle::rand::{Rng, thread_rng};

pub(crate) const LIFETIME_SECONDS: u64 = 60;

/// The moment that everything begins at.
pub(crate) const START: Now = Now(0);

/// When those come again who are not to be forgotten then.
pub(crate) const MIDDLE: Now = Now(30);

/// Later than anything of the beginning is kept, and sooner than completed downloads are forgotten.
pub(crate) const LATER: Now = Now(70);

/// Later than the store's ticks tell.
pub(crate) const TEN_HOURS_LATER: Now = Now(36_000);

/// Shards at most: each sweep takes one of so few.
pub(crate) const SHARDS: usize = 2;

pub(crate) fn rules() -> Rules {
    Rules { sweeps_per_pass: SHARDS, ..Rules::memory(LIFETIME_SECONDS) }
}

pub(crate) fn open(config: &Config) -> Arc<MemoryStorage> {
    let environment = Environment::new(Duration::from_secs(LIFETIME_SECONDS), thread_rng().r#gen(), Clock::start());
    Arc::new(MemoryStorage::new(config, environment))
}

/// Requests of one batch and what they were told.
pub(crate) fn ask(store: &MemoryStorage, now: Now, requests: impl IntoIterator<Item = Request>) -> Batch {
    let mut batch = Batch { seed: thread_rng().r#gen(), ..Batch::default() };
    requests.into_iter().for_each(|request| batch.push(request));
    let Answer::Ready(batch) = store.apply(now, batch) else { panic!("the store in memory is late") };
    batch
}

/// A thread, which gives back what it was told.
pub(crate) fn spawn<T: Send + 'static>(
    store: &Arc<MemoryStorage>,
    work: impl FnOnce(&MemoryStorage) -> T + Send + 'static,
) -> Thread<T> {
    let store = Arc::clone(store);
    shuttle::thread::spawn(move || work(&store))
}

pub(crate) type Thread<T> = shuttle::thread::JoinHandle<T>;

/// The timer, and beside it somebody who looks at what the store holds.
pub(crate) fn sweeper(store: &Arc<MemoryStorage>, now: Now, times: usize) -> Thread<()> {
    let (swept, watched) = (Arc::clone(store), Arc::clone(store));
    shuttle::thread::spawn(move || {
        let watcher = spawn(&watched, move |store| (0..times).for_each(|_| _ = (store.totals(), store.health())));
        (0..times).for_each(|_| swept.sweep(now));
        watcher.join().expect("it has not failed");
    })
}

pub(crate) fn pass(store: &MemoryStorage, now: Now) {
    (0..SHARDS).for_each(|_| store.sweep(now));
}

pub(crate) fn torrent(number: u16) -> InfoHash {
    let [high, low] = number.to_be_bytes();
    InfoHash(std::array::from_fn(|at| if at % 2 == 0 { high } else { low }))
}

pub(crate) fn v4(number: u16) -> Endpoint {
    let [high, low] = number.to_be_bytes();
    Endpoint::new(Ipv4Addr::new(198, 18, high, low).into(), 6881)
}

pub(crate) fn v6(number: u16) -> Endpoint {
    Endpoint::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).into(), 6881)
}

pub(crate) fn announce(torrent: InfoHash, peer: Endpoint, change: Change) -> Announce {
    Announce { info_hash: torrent, peer, change, want: ALL }
}

pub(crate) const COMES: Change = Change::Present { role: Role::Downloader, completed: false };
pub(crate) const SEEDS: Change = Change::Present { role: Role::Seeder, completed: false };

/// More than there are, of both families.
pub(crate) const ALL: Want = Want { peers: 10_000, both_families: true };

/// Who is in a swarm, and its counts as each family sees them.
pub(crate) fn members(store: &MemoryStorage, now: Now, torrent: InfoHash) -> (BTreeSet<Endpoint>, PerFamily<Counts>) {
    let batch = ask(store, now, look(torrent));
    let counts = |at: usize| match batch.entries[at].reply {
        Reply::Scrape { counts } => counts,
        reply => panic!("{reply:?} to a scrape"),
    };
    (told(&batch, 0), PerFamily { v4: counts(1), v6: counts(2) })
}

/// Requests that change nothing and show all of a swarm.
pub(crate) fn look(torrent: InfoHash) -> [Request; 3] {
    let change = Change::Unchanged { role: Role::Downloader };
    let [v4, v6] = Family::BOTH.map(|family| Scrape { info_hash: torrent, family }.into());
    [announce(torrent, STRANGER, change).into(), v4, v6]
}

/// The peers that a request was told of.
pub(crate) fn told(batch: &Batch, at: usize) -> BTreeSet<Endpoint> {
    let Reply::Announce { peers, .. } = batch.entries[at].reply else { panic!("{:?}", batch.entries[at]) };
    Family::BOTH.into_iter().flat_map(|family| Endpoint::list(family, batch.compact(peers[family]))).collect()
}

/// Nobody's.
const STRANGER: Endpoint = Endpoint::V4([203, 0, 113, 1, 0, 1]);

/// Checks that the totals are what all these torrents together show, that counts are numbers of members, and gives back those.
pub(crate) fn check_totals(store: &MemoryStorage, now: Now, torrents: &[InfoHash]) -> Vec<BTreeSet<Endpoint>> {
    let [mut sum, mut seeders] = [PerFamily::default(); 2];
    let mut number = 0;
    let all: Vec<_> = torrents.iter().map(|&torrent| members(store, now, torrent)).collect();
    for (members, counts) in &all {
        for family in Family::BOTH {
            let of_family = members.iter().filter(|peer| peer.family() == family).count() as u64;
            let counted = u64::from(counts[family].seeders + counts[family].leechers);
            assert_eq!(of_family, counted, "{family:?} peers returned, and counted");
            sum[family] += of_family;
            seeders[family] += u64::from(counts[family].seeders);
        }
        number += u64::from(!members.is_empty() || counts.v4.completed > 0);
    }
    let totals = store.totals();
    let sums = Totals { torrents: Some(number), peers: Some(sum), seeders: Some(seeders), ..totals };
    assert_eq!(totals, sums, "the totals, and the sums");
    all.into_iter().map(|(members, _)| members).collect()
}
