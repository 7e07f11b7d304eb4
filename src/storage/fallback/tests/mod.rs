//! The fallback around a store that does as it is told, and what the two share for that.

mod answers;
mod breaking;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::*;
use crate::bittorrent::{Counts, Endpoint, PerFamily};
use crate::clock::Clock;
use crate::storage::{Announce, Change, Role, Want};

/// What a store does with a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// Answers it after so long; at once if that is nothing.
    Answered(Duration),
    /// Fails every request of it after so long.
    Failed(Duration),
    /// Fails those about this torrent.
    FailedAbout(InfoHash),
    /// Gives back its first so many entries.
    CutShort(usize),
    /// Keeps it.
    Kept,
}

/// A remote store with a fate, which counts what it is asked and what it holds.
struct Remote {
    memory: MemoryStorage,
    fate: Mutex<Fate>,
    asked: AtomicU64,
    /// Lives as often more as there are batches with this store.
    held: Arc<()>,
}

impl Storage for Remote {
    fn apply(&self, now: Now, batch: Batch) -> Answer {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let (fate, held) = (*self.fate.lock(), Arc::clone(&self.held));
        if fate == Fate::Kept {
            return Answer::Pending(Box::pin(async move {
                std::future::pending::<()>().await;
                drop(held);
                batch
            }));
        }
        let Answer::Ready(mut batch) = self.memory.apply(now, batch) else { unreachable!("memory is never late") };
        let mut fail = |about: &dyn Fn(&Request) -> bool| {
            let entries = batch.entries.iter_mut().filter(|entry| about(&entry.request));
            entries.for_each(|entry| entry.reply = Reply::Failed);
        };
        let after = match fate {
            Fate::Answered(after) => after,
            Fate::Failed(after) => {
                fail(&|_| true);
                after
            }
            Fate::FailedAbout(torrent) => {
                fail(&|request| *request.info_hash() == torrent);
                Duration::ZERO
            }
            Fate::CutShort(length) => {
                batch.entries.truncate(length);
                Duration::ZERO
            }
            Fate::Kept => unreachable!("it is kept"),
        };
        if after.is_zero() {
            return Answer::Ready(batch);
        }
        Answer::Pending(Box::pin(async move {
            sleep(after).await;
            drop(held);
            batch
        }))
    }

    fn sweep(&self, now: Now) {
        self.memory.sweep(now);
    }

    fn totals(&self) -> Totals {
        self.memory.totals()
    }

    fn save(&self, _: Now) -> Result<(), StorageError> {
        Err(StorageError::Unavailable("nowhere to save to".into()))
    }
}

/// A fallback, and the store it is around.
struct Pair {
    remote: Arc<Remote>,
    fallback: Fallback,
}

impl Pair {
    fn new() -> Self {
        Self::with(CONFIG)
    }

    fn with(config: Config) -> Self {
        let environment = Environment::new(Duration::from_secs(3_000), [7; 16], Clock::start());
        let remote = Arc::new(Remote {
            memory: MemoryStorage::new(&memory::Config::default(), environment.clone()),
            fate: Mutex::new(AT_ONCE),
            asked: AtomicU64::new(0),
            held: Arc::new(()),
        });
        let fallback = Fallback::new(Arc::clone(&remote) as Arc<dyn Storage>, config, &environment);
        Self { remote, fallback }
    }

    fn fate(&self, fate: Fate) {
        *self.remote.fate.lock() = fate;
    }

    /// How many batches the remote store was given.
    fn asked(&self) -> u64 {
        self.remote.asked.load(Ordering::Relaxed)
    }

    /// How many of them it still has.
    fn held(&self) -> usize {
        Arc::strong_count(&self.remote.held) - 1
    }

    fn apply(&self, requests: &[Request]) -> Answer {
        self.fallback.apply(NOW, batch(requests))
    }

    async fn ask(&self, requests: &[Request]) -> Batch {
        answered(self.apply(requests)).await
    }

    /// What a scrape says of a torrent's leechers, and how long that takes.
    async fn leechers(&self, torrent: u8) -> (u32, Duration) {
        let asked = Instant::now();
        let batch = self.ask(&[scrape(torrent)]).await;
        (counts(&batch, 0).leechers, asked.elapsed())
    }

    /// Has the breaker open by time-outs.
    async fn break_off(&self) {
        self.fate(Fate::Kept);
        for _ in 0..3 {
            self.ask(&[scrape(1)]).await;
        }
        assert!(self.fallback.health().degraded);
    }
}

async fn answered(answer: Answer) -> Batch {
    match answer {
        Answer::Ready(batch) => batch,
        Answer::Pending(batch) => batch.await,
    }
}

fn batch(requests: &[Request]) -> Batch {
    let mut batch = Batch { seed: 1, ..Batch::default() };
    requests.iter().for_each(|request| batch.push(*request));
    batch
}

fn scrape(torrent: u8) -> Request {
    Scrape { info_hash: InfoHash([torrent; 20]), family: Family::V4 }.into()
}

fn v4(port: u16) -> Endpoint {
    Endpoint::new([192, 0, 2, 1].into(), port)
}

/// A downloader comes, and wants everybody.
fn comes(torrent: u8, port: u16) -> Request {
    let change = Change::Present { role: Role::Downloader, completed: false };
    let want = Want { peers: 1_000, both_families: false };
    Announce { info_hash: InfoHash([torrent; 20]), peer: v4(port), change, want }.into()
}

fn counts(batch: &Batch, index: usize) -> Counts {
    match batch.entries[index].reply {
        Reply::Announce { counts, .. } | Reply::Scrape { counts } => counts,
        other => panic!("{other:?}"),
    }
}

/// The ports of the peers that an announce was answered.
fn ports(batch: &Batch, index: usize) -> Vec<u16> {
    let Reply::Announce { peers, .. } = batch.entries[index].reply else { panic!("{:?}", batch.entries[index]) };
    let mut ports: Vec<_> =
        Endpoint::list(Family::V4, batch.compact(peers.v4)).map(|peer: Endpoint| peer.port()).collect();
    ports.sort_unstable();
    ports
}

const NOW: Now = Now(1_800_000_000);
const TIMEOUT: Duration = Duration::from_millis(250);
const CONFIG: Config = Config { timeout: TIMEOUT, max_peers: 10_000, max_in_flight: 8 };
const AT_ONCE: Fate = Fate::Answered(Duration::ZERO);

/// The timer rounds up to the next millisecond.
const IN_TIME: Duration = Duration::from_millis(251);
