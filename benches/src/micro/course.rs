//! A store under a stream of announces.

use std::mem;

use chihaya::clock::Now;
use chihaya::storage::memory::MemoryStorage;
use chihaya::storage::{Announce, Answer, Batch, Storage};

use super::{Lap, timed};

/// Has a store answer announces in batches of one size, a few batches at a time.
///
/// What is asked is prepared while the watch stands, and little enough that it is still in the cache when the store reads
/// it, as it is when it has just been parsed. All batches share one arena for their peers, as a worker's do.
pub struct Course<'a> {
    storage: &'a MemoryStorage,
    size: usize,
    batches: Vec<Batch>,
    arena: Vec<u8>,
    seed: u64,
}

impl<'a> Course<'a> {
    /// Over `storage`, with so many announces a batch.
    pub fn new(storage: &'a MemoryStorage, size: usize) -> Self {
        let batches = (0..(GROUP / size).max(1)).map(|_| Batch::default()).collect();
        Self { storage, size, batches, arena: Vec::new(), seed: 0 }
    }

    /// Announces all of `announces` at one moment, and tells how long the store took and how many they were.
    pub fn run(&mut self, now: Now, announces: impl IntoIterator<Item = Announce>) -> (Lap, u32) {
        let mut announces = announces.into_iter();
        let (mut lap, mut count) = (Lap::default(), 0);
        loop {
            let prepared = self.prepare(&mut announces);
            if prepared == 0 {
                return (lap, count);
            }
            lap += timed(|| self.ask(now));
            count += prepared;
        }
    }

    /// Fills the batches, and returns the number of announces in them.
    fn prepare(&mut self, announces: &mut impl Iterator<Item = Announce>) -> u32 {
        let mut count = 0;
        for batch in &mut self.batches {
            batch.clear();
            self.seed += 1;
            batch.seed = self.seed;
            for announce in announces.by_ref().take(self.size) {
                batch.push(announce);
                count += 1;
            }
        }
        count
    }

    fn ask(&mut self, now: Now) {
        for batch in self.batches.iter_mut().filter(|batch| !batch.entries.is_empty()) {
            batch.peers = mem::take(&mut self.arena);
            *batch = apply(self.storage, now, mem::take(batch));
            self.arena = mem::take(&mut batch.peers);
            self.arena.clear();
        }
    }
}

/// The store's answer, which a store in memory has at once.
pub fn apply(storage: &MemoryStorage, now: Now, batch: Batch) -> Batch {
    match storage.apply(now, batch) {
        Answer::Ready(batch) => batch,
        Answer::Pending(_) => unreachable!("memory is never late"),
    }
}

/// Announces prepared at a time: with their replies some 60 kB.
const GROUP: usize = 512;
