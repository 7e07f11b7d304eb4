//! Threads each of which has peers of its own, so that it knows what has become of them, whatever the others do.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use interleavings::bittorrent::{Endpoint, InfoHash};
use interleavings::clock::Now;
use interleavings::storage::Change;
use interleavings::storage::memory::MemoryStorage;
use shuttle::rand::{Rng, thread_rng};

use super::world::{COMES, SEEDS, announce, ask, spawn, told};

/// A peer of one torrent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Own {
    pub(crate) torrent: InfoHash,
    pub(crate) peer: Endpoint,
}

/// Has threads bring and take away peers of these numbers, each thread its own. Says who must then be there, if those were
/// before who are not too old.
pub(crate) fn from_threads(
    store: &Arc<MemoryStorage>,
    now: Now,
    before: impl Iterator<Item = Own>,
    numbers: [Range<u16>; 3],
    owned: fn(u16) -> Own,
) -> Vec<Own> {
    let mut there: BTreeSet<_> = before.collect();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let own = numbers.clone().map(|numbers| numbers.skip(thread.into()).step_by(THREADS.into()).collect());
            spawn(store, move |store| come_and_go(store, now, &own, owned))
        })
        .collect();
    for thread in threads {
        let [present, absent] = thread.join().expect("it has not failed");
        there.extend(present);
        there.retain(|own| !absent.contains(own));
    }
    there.into_iter().collect()
}

/// Says who is there at the end, and who is not.
fn come_and_go(store: &MemoryStorage, now: Now, own: &[Vec<u16>; 3], owned: fn(u16) -> Own) -> [BTreeSet<Own>; 2] {
    let [mut present, mut absent] = <[BTreeSet<Own>; 2]>::default();
    for _ in 0..BATCHES {
        let mut rng = thread_rng();
        let mut asked = Vec::new();
        for _ in 0..rng.gen_range(1..=3) {
            let numbers = &own[rng.gen_range(0..own.len())];
            let change = [COMES, COMES, SEEDS, Change::Absent][rng.gen_range(0..4)];
            asked.push((owned(numbers[rng.gen_range(0..numbers.len())]), change));
        }
        let requests = asked.iter().map(|(own, change)| announce(own.torrent, own.peer, *change).into());
        let batch = ask(store, now, requests);
        for (at, (own, change)) in asked.into_iter().enumerate() {
            present.remove(&own);
            absent.remove(&own);
            let of_torrent = |set: &BTreeSet<Own>| {
                set.iter().filter(|other| other.torrent == own.torrent).map(|other| other.peer).collect::<BTreeSet<_>>()
            };
            let told = told(&batch, at);
            let gone: Vec<_> = told.intersection(&of_torrent(&absent)).copied().collect();
            assert!(gone.is_empty(), "{own:?} is told of {gone:?}, who have gone");
            if change == COMES {
                let lost: Vec<_> = of_torrent(&present).difference(&told).copied().collect();
                assert!(lost.is_empty(), "{own:?} is not told of {lost:?}, who have come");
            }
            _ = if change == Change::Absent { absent.insert(own) } else { present.insert(own) };
        }
    }
    [present, absent]
}

const THREADS: u8 = 3;
const BATCHES: usize = 3;
