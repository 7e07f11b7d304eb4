//! The embedded store: swarms in this process's memory.
//!
//! Torrents are spread over shards by a keyed hash of their info hash, since clients choose info hashes and would
//! otherwise choose the shard too. A shard is one lock around one table; each request takes the lock of its torrent's
//! shard once. Peers are kept as the bytes that replies carry, so that answering is copying.

mod peer;
mod sample;
mod shard;
mod swarm;

use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::{
    Answer, Batch, Driver, Environment, Reply, Request, Settings, SettingsError, Storage, StorageError, Totals,
};
use crate::bittorrent::PerFamily;
use crate::clock::Now;
use peer::Lifetime;
use shard::Shard;

/// The driver named `memory`.
pub struct MemoryDriver;

/// `[storage.memory]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Locks the store is divided among; 0 lets it choose.
    pub shards: usize,
}

impl Driver for MemoryDriver {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Config::default()).expect("plain numbers make a table")
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        let config: Config = settings.read()?;
        if config.shards > MAX_SHARDS {
            let message = format!("{} is too many; choose 0 (automatic) to {MAX_SHARDS}", config.shards);
            return Err(SettingsError { key: "shards".into(), message });
        }
        Ok(())
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        self.check(settings)?;
        Ok(Arc::new(MemoryStorage::new(&settings.read()?, environment)))
    }
}

/// Swarms in memory.
pub struct MemoryStorage {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    hasher: SipHasher13,
    lifetime: Lifetime,
    /// The shard that the next sweep begins with.
    next_sweep: AtomicUsize,
}

impl MemoryStorage {
    /// An empty store.
    pub fn new(config: &Config, environment: Environment) -> Self {
        let shards = if config.shards == 0 { DEFAULT_SHARDS } else { config.shards };
        let hasher = SipHasher13::new_with_key(&environment.key);
        Self {
            shards: (0..shards).map(|_| CachePadded::new(Mutex::new(Shard::new(hasher)))).collect(),
            hasher,
            lifetime: Lifetime::new(environment.peer_lifetime),
            next_sweep: AtomicUsize::new(0),
        }
    }

    /// The shard of a torrent: by the 32 bits of its hash below the seven highest. The shard's table places it by the
    /// lowest bits, and by the seven highest tells it from its neighbours without comparing them.
    fn shard(&self, hash: u64) -> &Mutex<Shard> {
        let below_shards = ((hash << 7 >> 32) * self.shards.len() as u64) >> 32;
        &self.shards[below_shards as usize]
    }
}

impl Storage for MemoryStorage {
    fn apply(&self, now: Now, mut batch: Batch) -> Answer {
        let tick = self.lifetime.tick(now);
        let mut rng = SmallRng::seed_from_u64(batch.seed);
        for entry in &mut batch.entries {
            entry.reply = match &entry.request {
                Request::Announce(announce) => {
                    let hash = keyed_hash(self.hasher, &announce.info_hash.0);
                    self.shard(hash).lock().announce(hash, announce, tick, &mut rng, &mut batch.peers)
                }
                Request::Scrape(scrape) => {
                    let hash = keyed_hash(self.hasher, &scrape.info_hash.0);
                    Reply::Scrape { counts: self.shard(hash).lock().counts(hash, scrape) }
                }
            };
        }
        Answer::Ready(batch)
    }

    fn sweep(&self, now: Now) {
        let slice = self.shards.len().div_ceil(SWEEPS_PER_PASS);
        let first = self.next_sweep.fetch_add(slice, Ordering::Relaxed);
        for offset in 0..slice {
            let index = first.wrapping_add(offset) % self.shards.len();
            self.shards[index].lock().sweep(self.lifetime, self.lifetime.tick(now));
        }
    }

    fn totals(&self) -> Totals {
        let mut torrents = 0;
        let mut peers = PerFamily::default();
        for shard in &self.shards {
            let shard = shard.lock();
            torrents += shard.torrents();
            peers.v4 += shard.peers().v4;
            peers.v6 += shard.peers().v6;
        }
        Totals { torrents: Some(torrents), peers: Some(peers) }
    }
}

/// A hash that a client cannot steer.
fn keyed_hash(mut hasher: SipHasher13, bytes: &[u8]) -> u64 {
    hasher.write(bytes);
    hasher.finish()
}

/// Enough that eight workers seldom meet at one lock, and few enough that an empty store is small.
const DEFAULT_SHARDS: usize = 512;

/// Beyond this, shards cost more memory than they save waiting.
const MAX_SHARDS: usize = 1 << 16;

/// Calls of `sweep` that pass over the whole store: at one a second, an expired peer is gone about a minute later.
pub const SWEEPS_PER_PASS: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::Duration;

    use super::*;

    /// The seven highest bits are what a table remembers of each hash; where they differ, nothing is compared.
    #[test]
    fn torrents_of_one_shard_differ_in_what_its_table_remembers_of_their_hashes() {
        let environment = Environment { peer_lifetime: Duration::from_secs(3_000), key: [1; 16] };
        let storage = MemoryStorage::new(&Config::default(), environment);
        let hashes = (0..1_u32 << 18).map(|number| keyed_hash(storage.hasher, &number.to_ne_bytes()));
        let hashes: Vec<_> =
            hashes.filter(|&hash| std::ptr::eq(storage.shard(hash), &raw const *storage.shards[0])).collect();
        assert!((256..1_024).contains(&hashes.len()), "{} of 512 on average", hashes.len());
        let remembered: HashSet<_> = hashes.iter().map(|hash| hash >> 57).collect();
        assert!(remembered.len() > 100, "{} of 128", remembered.len());
    }
}
