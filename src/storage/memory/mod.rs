//! The embedded store: swarms in this process's memory.
//!
//! Torrents are spread over shards by a keyed hash of their info hash, since clients choose info hashes and would
//! otherwise choose the shard too. A shard is one lock around one table. A request is answered under the lock of its torrent's
//! shard, taken once for all of it. Peers are kept as the bytes that replies carry, so that answering is copying.
//!
//! # What is kept, and why in this form
//!
//! All of it lies in [frames](crate::sys::Frame) of 4 KiB. A table that outgrows its frames gets one more and is dealt out
//! anew; nothing is ever moved to a larger place, so no memory waits in holes that nobody fits into, and a frame that is
//! not needed goes back to the system. A torrent is 32 bytes, and its peers are in the cheapest form that their number
//! allows:
//!
//! ```text
//!           0                     20          24                       32
//! torrent   | info hash           | completed | form and what it needs |
//!                                               |
//!  no peer                                      | since when
//!  one IPv4 peer                                | the peer itself: 6 bytes of endpoint, 2 of stamp
//!  few, up to 255 IPv4 or 200 IPv6 peers        | which frame, where in it, how many of each family download, how many do not
//!  many                                         | which crowds
//!
//! few       | downloader | … | seeder | … | partial seed | … |     8 bytes a peer, then the IPv6 ones, 20 bytes a peer
//!
//! crowds    for each family, a table of those that download and a table of the others
//!
//! a table's bucket                         0   1                64
//!           62 torrents in 2,048 bytes     | n | tag | tag | …  | torrent | torrent | …
//!           56 IPv4 peers in 512 bytes     | n | tag | tag | …  | peer | peer | …
//!           48 IPv6 peers in 1,024 bytes   | n | tag | tag | …  | peer | peer | …
//! ```
//!
//! - **Most torrents have one peer or two.** So the first peer costs nothing beside its torrent, and a few cost their own
//!   bytes, in a pool of pieces that are cut to size and packed.
//! - **A few is searched by reading it.** Beyond a few hundred, reading would cost more than hashing.
//! - **A crowd needs no index beside its peers**: its tables are made of the peers themselves, and eight bits of hash for
//!   each, by which most look-ups read two cache lines whatever the size.
//! - **Growing never stalls**: a table is made of pages that are split one at a time, so that no announce touches more than
//!   one page, below 4,096 entries. Sweeps let go of the lock as often.
//! - **Who is near whom is no client's choice.** Peers that one reply tells of are near each other, so whoever has many peers
//!   in a swarm learns which of them share a page. That is worth nothing in another: each crowd has a key of its own. Nor is it
//!   for long in the same: where a page gets fuller than by chance, its crowd is dealt out anew under another key.
//! - **Waiting for memory is most of the cost**, so a batch waits together: for all its requests the processor is asked for
//!   the tags, then for the torrents, then for the peers, and only then does the first request find everything at hand.
//!   What was found on the way is kept as a hint, to be looked at again under the last lock. Fewer shards would take fewer
//!   cache lines, more would let more workers work; frames in use become huge pages, so that addresses are found at once.

mod admission;
mod bits;
mod bucket;
mod course;
mod crowd;
mod crowds;
mod form;
mod key;
mod networks;
mod packed;
mod peer;
mod pool;
mod ports;
mod room;
mod sample;
mod shard;
mod swarm;
mod swarms;
mod sweep;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;

use arrayvec::ArrayVec;
use crossbeam_utils::CachePadded;
use serde::{Deserialize, Serialize};

use super::{
    Answer, Batch, Driver, Entry, Environment, Health, Reply, Request, Settings, SettingsError, Storage, StorageError,
    Totals,
};
use crate::bittorrent::{Family, PerFamily};
use crate::clock::Now;
use crate::sync::Mutex;
use crate::sys::{prefetch_to_write, tidy_frames};
use course::{Course, Turn};
use key::{Hash, Key};
use ports::Ports;
use room::{Room, Share};
use shard::{Path, Shard};
use sweep::Cursor;
use walk::Dice;

/// The driver named `memory`.
pub struct MemoryDriver;

/// `[storage.memory]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Locks the store is divided among; 0 lets it choose.
    pub shards: usize,
    /// Peers kept at most; 0 sets no limit. Those that are known are renewed. For others a torrent gives way that has one
    /// peer which has not been renewed, if one is near; else they are answered and not stored.
    pub max_peers: usize,
    /// Torrents kept at most, those without peers included; 0 sets no limit. Others have one give way, or are answered as
    /// unknown.
    pub max_torrents: usize,
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
    key: Key,
    course: Course,
    room: Arc<Room>,
}

impl MemoryStorage {
    /// An empty store.
    pub fn new(config: &Config, environment: Environment) -> Self {
        let shards = if config.shards == 0 { DEFAULT_SHARDS } else { config.shards };
        let key = Key::new(&environment.key, Ports::new(environment.limits.ports_per_address));
        let room = Room::new(config, environment.limits, key);
        let shard = || Shard::new(key, Share::new(room.clone()));
        Self {
            shards: (0..shards).map(|_| CachePadded::new(Mutex::new(shard()))).collect(),
            key,
            room,
            course: Course::new(environment.peer_lifetime),
        }
    }

    /// The most entries that were ever touched while a lock was held: what others had to wait for at worst.
    pub fn most_touched(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().most_touched).max().unwrap_or_default()
    }

    fn shard(&self, hash: Hash) -> &Mutex<Shard> {
        &self.shards[hash.shard(self.shards.len())]
    }

    /// Has the processor fetch what the entries will need, a step of the way for all of them before the next step of any: so
    /// they wait for memory together instead of one after another.
    fn prefetch(&self, entries: &[Entry], paths: &mut [Path]) {
        // Where another worker holds the lock, the lines are moving anyway.
        let shard = |path: &Path| self.shard(path.hash).try_lock();
        for path in &*paths {
            shard(path).inspect(|shard| shard.torrents.prefetch(path.hash));
        }
        for path in &mut *paths {
            shard(path).inspect(|shard| shard.prefetch_torrent(path));
        }
        for (entry, path) in entries.iter().zip(&mut *paths) {
            shard(path).inspect(|shard| shard.prefetch_swarms(path, &entry.request));
        }
        for (entry, path) in entries.iter().zip(&mut *paths) {
            if let (Some(_), Request::Announce(announce)) = (path.crowd, &entry.request) {
                shard(path).inspect(|shard| shard.prefetch_crowd(path, announce));
            }
        }
        for (entry, path) in entries.iter().zip(&mut *paths) {
            if let (Some(_), Request::Announce(announce)) = (path.crowd, &entry.request) {
                shard(path).inspect(|shard| shard.prefetch_own(path, announce));
            }
        }
    }
}

impl Storage for MemoryStorage {
    fn apply(&self, now: Now, mut batch: Batch) -> Answer {
        let now = self.course.moment(now);
        let Batch { seed, entries, peers } = &mut batch;
        let mut number = 0;
        for entries in entries.chunks_mut(PREFETCHED) {
            let mut paths = ArrayVec::<Path, PREFETCHED>::new();
            for entry in &*entries {
                let hash = self.key.hash(&entry.request.info_hash().0);
                prefetch_to_write(self.shard(hash));
                paths.push(Path::new(hash, Dice::throw(*seed, number)));
                number += 1;
            }
            if entries.len() > 1 {
                self.prefetch(entries, &mut paths);
            }
            for (entry, path) in entries.iter_mut().zip(&paths) {
                let mut shard = self.shard(path.hash).lock();
                entry.reply = match &entry.request {
                    Request::Announce(announce) => shard.announce(path, announce, now, peers),
                    Request::Scrape(scrape) => Reply::Scrape { counts: shard.counts(path, scrape) },
                };
                shard.settle();
            }
        }
        Answer::Ready(batch)
    }

    fn sweep(&self, now: Now) {
        let Turn { age, first, shards } = self.course.sweep(now, self.shards.len());
        for shard in self.shards.iter().cycle().skip(first).take(shards) {
            let mut cursor = Cursor::default();
            let mut turn = || {
                let mut shard = shard.lock();
                let done = shard.sweep(&mut cursor, age);
                shard.settle();
                shard.tell();
                done
            };
            while !turn() {}
        }
        tidy_frames();
    }

    fn totals(&self) -> Totals {
        let [mut torrents, mut downloads, mut expired] = [0; 3];
        let [mut peers, mut seeders] = [PerFamily::default(); 2];
        for shard in &self.shards {
            let shard = shard.lock();
            torrents += shard.torrents();
            downloads += shard.downloads;
            expired += shard.expired;
            for family in Family::BOTH {
                peers[family] += shard.peers[family];
                seeders[family] += shard.seeders[family];
            }
        }
        Totals {
            torrents: Some(torrents),
            peers: Some(peers),
            seeders: Some(seeders),
            downloads: Some(downloads),
            expired: Some(expired),
        }
    }

    fn health(&self) -> Health {
        self.room.health()
    }
}

/// Entries that wait for memory together: more lines than that, and the first are gone before they are used.
const PREFETCHED: usize = 64;

/// Enough that eight workers seldom meet at one lock, and few enough that an empty store is small.
const DEFAULT_SHARDS: usize = 256;

/// Beyond this, shards cost more memory than they save waiting.
const MAX_SHARDS: usize = 1 << 16;
