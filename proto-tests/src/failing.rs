//! Stores that fail: one where an info hash asks for it, one likewise with a panic, one from the start.

use std::sync::Arc;

use chihaya::bittorrent::InfoHash;
use chihaya::clock::Now;
use chihaya::storage::memory::MemoryDriver;
use chihaya::storage::{
    Answer, Batch, Driver, Entry, Environment, Reply, Request, Settings, SettingsError, Storage, StorageError, Totals,
};

/// The driver named `failing`: a memory store that cannot answer about the torrent [`FAILS`].
pub const FAILING: Trapped = Trapped { name: "failing", torrent: FAILS, spring: fail, kept: false };

/// The driver named `panicking`: a memory store that panics at the torrent [`PANICS`], and when it is freed.
pub const PANICKING: Trapped = Trapped { name: "panicking", torrent: PANICS, spring: panic, kept: true };

/// A driver of memory stores with a trap at one torrent, sprung when a request for it has been answered.
#[derive(Clone, Copy)]
pub struct Trapped {
    name: &'static str,
    torrent: InfoHash,
    spring: fn(&mut Entry),
    /// Nobody may free it: for a large store, that takes longer than a stop may.
    kept: bool,
}

/// The driver named `unreachable`: a store that never opens.
pub struct Unreachable;

/// The torrent whose requests a `failing` store fails.
pub const FAILS: InfoHash = InfoHash([0xfa; 20]);

/// The torrent whose requests a `panicking` store panics at.
pub const PANICS: InfoHash = InfoHash([0xee; 20]);

impl Driver for Trapped {
    fn name(&self) -> &'static str {
        self.name
    }

    fn defaults(&self) -> toml::Table {
        MemoryDriver.defaults()
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        MemoryDriver.check(settings)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        Ok(Arc::new(Trap { memory: MemoryDriver.open(settings, environment)?, driver: *self }))
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

/// A store of a [`Trapped`] driver.
struct Trap {
    memory: Arc<dyn Storage>,
    driver: Trapped,
}

impl Storage for Trap {
    fn apply(&self, now: Now, batch: Batch) -> Answer {
        let answer = self.memory.apply(now, batch);
        if let Answer::Ready(mut batch) = answer {
            let trapped = |entry: &&mut Entry| info_hash(&entry.request) == self.driver.torrent;
            batch.entries.iter_mut().filter(trapped).for_each(self.driver.spring);
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
        assert!(!self.driver.kept || std::thread::panicking(), "the store was freed");
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
    use chihaya::clock::Clock;
    use chihaya::storage::Scrape;

    use super::*;

    /// Scrapes an ordinary torrent, then this one.
    fn scrape(driver: &impl Driver, info_hash: InfoHash) -> Vec<Reply> {
        let environment = Environment::new(Duration::from_secs(60), [0; 16], Clock::start());
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
        assert_eq!(scrape(&FAILING, FAILS), [ANSWERED, Reply::Failed]);
        assert_eq!(scrape(&FAILING, PANICS), [ANSWERED, ANSWERED]);
    }

    #[test]
    fn a_panicking_store_answers_about_other_torrents() {
        assert_eq!(scrape(&PANICKING, FAILS), [ANSWERED, ANSWERED]);
    }

    #[test]
    #[should_panic(expected = "a planted bug")]
    fn a_panicking_store_panics_at_one_torrent() {
        scrape(&PANICKING, PANICS);
    }
}
