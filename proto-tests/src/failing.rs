//! Stores that fail: one where an info hash asks for it, one likewise with a panic, one from the start.

use std::sync::Arc;

use chihaya::bittorrent::InfoHash;
use chihaya::clock::Now;
use chihaya::storage::memory::MemoryDriver;
use chihaya::storage::{
    Answer, Batch, Driver, Entry, Environment, Reply, Request, Settings, SettingsError, Storage, StorageError, Totals,
};

/// The driver named `failing`: a memory store that cannot answer about the torrent [`FAILS`].
pub struct Failing;

/// The driver named `panicking`: a memory store that panics at the torrent [`PANICS`], and when it is freed.
pub struct Panicking;

/// The driver named `unreachable`: a store that never opens.
pub struct Unreachable;

/// The torrent whose requests a `failing` store fails.
pub const FAILS: InfoHash = InfoHash([0xfa; 20]);

/// The torrent whose requests a `panicking` store panics at.
pub const PANICS: InfoHash = InfoHash([0xee; 20]);

impl Driver for Failing {
    fn name(&self) -> &'static str {
        "failing"
    }

    fn defaults(&self) -> toml::Table {
        MemoryDriver.defaults()
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        MemoryDriver.check(settings)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        Ok(Arc::new(Trap {
            memory: MemoryDriver.open(settings, environment)?,
            torrent: FAILS,
            spring: fail,
            kept: false,
        }))
    }
}

impl Driver for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }

    fn defaults(&self) -> toml::Table {
        MemoryDriver.defaults()
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        MemoryDriver.check(settings)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        Ok(Arc::new(Trap {
            memory: MemoryDriver.open(settings, environment)?,
            torrent: PANICS,
            spring: panic,
            kept: true,
        }))
    }
}

impl Driver for Unreachable {
    fn name(&self) -> &'static str {
        "unreachable"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::new()
    }

    fn check(&self, _: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn open(&self, _: &Settings, _: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        Err(StorageError::Unavailable("nobody is there".into()))
    }
}

/// A memory store with a trap at one torrent, sprung when a request for it has been answered.
struct Trap {
    memory: Arc<dyn Storage>,
    torrent: InfoHash,
    spring: fn(&mut Entry),
    /// Nobody may free it: for a large store, that takes longer than a stop may.
    kept: bool,
}

impl Storage for Trap {
    fn apply(&self, now: Now, batch: Batch) -> Answer {
        let answer = self.memory.apply(now, batch);
        if let Answer::Ready(mut batch) = answer {
            batch.entries.iter_mut().filter(|entry| info_hash(&entry.request) == self.torrent).for_each(self.spring);
            return Answer::Ready(batch);
        }
        answer
    }

    fn sweep(&self, now: Now) {
        self.memory.sweep(now);
    }

    fn totals(&self) -> Totals {
        self.memory.totals()
    }

    fn save(&self, now: Now) -> Result<(), StorageError> {
        self.memory.save(now)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        assert!(!self.kept || std::thread::panicking(), "the store was freed");
    }
}

fn fail(entry: &mut Entry) {
    entry.reply = Reply::Failed;
}

fn panic(entry: &mut Entry) {
    panic!("a planted bug, met at {:?}", info_hash(&entry.request));
}

fn info_hash(request: &Request) -> InfoHash {
    match request {
        Request::Announce(announce) => announce.info_hash,
        Request::Scrape(scrape) => scrape.info_hash,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chihaya::bittorrent::{Counts, Family};
    use chihaya::storage::Scrape;

    use super::*;

    /// Scrapes an ordinary torrent, then this one.
    fn scrape(driver: &impl Driver, info_hash: InfoHash) -> Vec<Reply> {
        let environment = Environment { peer_lifetime: Duration::from_secs(60), key: [0; 16] };
        let store = driver.open(&Settings(driver.defaults()), environment).unwrap();
        let mut batch = Batch::default();
        batch.push(Scrape { info_hash: InfoHash([1; 20]), family: Family::V4 });
        batch.push(Scrape { info_hash, family: Family::V4 });
        let Answer::Ready(batch) = store.apply(Now(0), batch) else { panic!("it answers late") };
        std::mem::forget(store);
        batch.entries.iter().map(|entry| entry.reply).collect()
    }

    const ANSWERED: Reply = Reply::Scrape { counts: Counts { seeders: 0, leechers: 0, downloaders: 0, completed: 0 } };

    #[test]
    fn a_failing_store_fails_one_torrent_only() {
        assert_eq!(scrape(&Failing, FAILS), [ANSWERED, Reply::Failed]);
        assert_eq!(scrape(&Failing, PANICS), [ANSWERED, ANSWERED]);
    }

    #[test]
    fn a_panicking_store_answers_about_other_torrents() {
        assert_eq!(scrape(&Panicking, FAILS), [ANSWERED, ANSWERED]);
    }

    #[test]
    #[should_panic(expected = "a planted bug")]
    fn a_panicking_store_panics_at_one_torrent() {
        scrape(&Panicking, PANICS);
    }
}
