//! Any store, and one in memory that answers in its place: requests are answered in time, whatever the first does.
//!
//! A driver of a store across a network wraps it at the end of its `open`:
//!
//! ```
//! # use std::sync::Arc;
//! # use chihaya::storage::{Environment, Storage, fallback};
//! # fn wrap(remote: Arc<dyn Storage>, environment: &Environment) -> Arc<dyn Storage> {
//! Arc::new(fallback::Fallback::new(remote, fallback::Config::default(), environment))
//! # }
//! ```
//!
//! - **Every batch is applied to both.** So the memory has this process's own peers, up to a number, when it is needed. What the
//!   remote store does not answer in time, or fails, memory answers, request by request.
//! - **A breaker** opens when batches time out in a row, or fail for a while. From then on memory answers at once, and now and
//!   then a batch is a probe: it is answered like the others, and sent to the remote store too. When one comes back the breaker
//!   closes. Each change is logged once, and counted in the store's [`Health`].
//! - **Nothing piles up.** Batches under way are counted, and beyond a number they are answered from memory alone. One that has
//!   timed out is dropped, with the future that the remote store gave for it. A worker that runs out of room for batches under
//!   way turns to the fallback as a [`StandIn`]: it answers from memory at once, and has the remote store told.
//! - **What the remote store has missed** its next announces mend: each peer comes back within the announce interval.

mod breaker;
#[cfg(test)]
mod tests;

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use super::memory::{self, MemoryStorage};
use super::{
    Answer, Batch, Entry, Environment, Health, Reply, Request, Scrape, Span, StandIn, Storage, StorageError, Totals,
};
use crate::bittorrent::{Family, InfoHash};
use crate::clock::Now;
use breaker::{Breaker, Change, Outcome, Pass};

/// A store that answers in time, made of one that may not.
pub struct Fallback(Arc<Inner>);

/// How long to wait for the remote store, and what to keep in memory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// How long a request waits for the remote store.
    pub timeout: Duration,
    /// Peers that memory keeps at most, and torrents.
    pub max_peers: usize,
    /// Batches under way to the remote store at most, over all workers: above what a store that is well ever has, since those
    /// beyond are not shared.
    pub max_in_flight: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { timeout: Duration::from_millis(250), max_peers: 1_000_000, max_in_flight: 1_024 }
    }
}

struct Inner {
    remote: Arc<dyn Storage>,
    memory: MemoryStorage,
    config: Config,
    breaker: Breaker,
    in_flight: AtomicU64,
    answered: AtomicU64,
    time_outs: AtomicU64,
    failures: AtomicU64,
    unshared: AtomicU64,
}

impl Fallback {
    /// `remote`, and an empty memory beside it.
    pub fn new(remote: Arc<dyn Storage>, config: Config, environment: &Environment) -> Self {
        let most = config.max_peers.max(1);
        let memory = memory::Config { max_peers: most, max_torrents: most, ..memory::Config::default() };
        // The pauses between probes shall differ from one tracker to another; they are no secret.
        let seed = environment.key.iter().fold(0, |seed: u64, &byte| seed.rotate_left(8) ^ u64::from(byte));
        Self(Arc::new(Inner {
            remote,
            memory: MemoryStorage::new(&memory, environment.clone()),
            config,
            breaker: Breaker::new(SmallRng::seed_from_u64(seed), Instant::now()),
            in_flight: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            time_outs: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            unshared: AtomicU64::new(0),
        }))
    }
}

impl Storage for Fallback {
    fn apply(&self, now: Now, batch: Batch) -> Answer {
        match self.0.pass(&batch) {
            None => Answer::Ready(self.0.answer_alone(now, batch)),
            Some(passage) if passage.pass == Pass::Probe => Answer::Ready(passage.tell(now, batch)),
            Some(passage) => passage.ask(now, batch),
        }
    }

    fn sweep(&self, now: Now) {
        self.0.memory.sweep(now);
        self.0.remote.sweep(now);
        // Where nobody asks anything, that the store is back is noticed all the same. Outside a runtime nobody could wait for it.
        if self.0.breaker.is_open() && Handle::try_current().is_ok() {
            self.0.probe(now);
        }
    }

    /// The remote store's, unless it is not to be had or does not know; then those of this process.
    fn totals(&self) -> Totals {
        let remote = if self.0.breaker.is_open() { Totals::default() } else { self.0.remote.totals() };
        let memory = self.0.memory.totals();
        Totals {
            torrents: remote.torrents.or(memory.torrents),
            peers: remote.peers.or(memory.peers),
            // Of one store, as they belong together.
            seeders: if remote.peers.is_some() { remote.seeders } else { memory.seeders },
            // Counts since the start are not to jump when the one store takes the place of the other.
            downloads: memory.downloads,
            expired: memory.expired,
        }
    }

    fn save(&self, now: Now) -> Result<(), StorageError> {
        self.0.memory.save(now)?;
        self.0.remote.save(now)
    }

    fn health(&self) -> Health {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let memory = self.0.memory.health();
        Health {
            degraded: self.0.breaker.is_open(),
            degradations: self.0.breaker.openings(),
            answered: read(&self.0.answered),
            time_outs: read(&self.0.time_outs),
            failures: read(&self.0.failures),
            unshared: read(&self.0.unshared),
            in_flight: read(&self.0.in_flight),
            refused: memory.refused,
            evicted: memory.evicted,
        }
    }

    fn stand_in(&self) -> Option<&dyn StandIn> {
        Some(self)
    }
}

impl StandIn for Fallback {
    /// From memory; the remote store is told if it is well and there is room.
    fn answer(&self, now: Now, batch: Batch) -> Batch {
        match self.0.pass(&batch) {
            None => self.0.answer_alone(now, batch),
            Some(passage) => passage.tell(now, batch),
        }
    }
}

impl Inner {
    /// Leave to ask the remote store, if there is anything to ask.
    fn pass(self: &Arc<Self>, batch: &Batch) -> Option<Passage> {
        if batch.entries.is_empty() {
            return None;
        }
        let asked = Instant::now();
        let under_way = self.in_flight.fetch_add(1, Ordering::Relaxed);
        // A probe may always pass, for there is but one.
        let full = !self.breaker.is_open() && under_way >= self.config.max_in_flight as u64;
        let Some(pass) = (!full).then(|| self.breaker.pass(asked)).flatten() else {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return None;
        };
        Some(Passage { inner: Arc::clone(self), pass, asked, outcome: Outcome::GivenUp })
    }

    /// Sends a probe if one is due: a scrape, which creates nothing.
    fn probe(self: &Arc<Self>, now: Now) {
        let mut batch = Batch::default();
        batch.push(Scrape { info_hash: InfoHash([0; 20]), family: Family::V4 });
        if let Some(passage) = self.pass(&batch) {
            passage.tell(now, batch);
        }
    }

    /// From memory, and the remote store does not hear of it.
    fn answer_alone(&self, now: Now, batch: Batch) -> Batch {
        self.unshared.fetch_add(1, Ordering::Relaxed);
        self.answer(now, batch)
    }

    /// From memory.
    fn answer(&self, now: Now, batch: Batch) -> Batch {
        match self.memory.apply(now, batch) {
            Answer::Ready(batch) => batch,
            Answer::Pending(_) => unreachable!("memory is never late"),
        }
    }

    fn log(&self, change: Change) {
        match change {
            Change::Opened(row) if row.time_outs >= row.failures => {
                let (batches, timeout) = (row.time_outs, self.config.timeout);
                warn!(
                    "storage: degraded: no answer within {timeout:?}, {batches} times in a row; this process's own peers \
                     answer until it is back"
                );
            }
            Change::Opened(row) => {
                let batches = row.failures;
                warn!(
                    "storage: degraded: it fails, {batches} times in a row; this process's own peers answer until it is \
                     back"
                );
            }
            Change::Closed(degraded) => {
                info!("storage: back after {} s; swarms mend as peers announce", degraded.as_secs());
            }
        }
    }
}

/// One batch under way to the remote store, from leave to report.
struct Passage {
    inner: Arc<Inner>,
    pass: Pass,
    asked: Instant,
    outcome: Outcome,
}

impl Passage {
    /// Has both stores answer, and gives the better answer.
    fn ask(self, now: Now, batch: Batch) -> Answer {
        let copy = copy(&batch);
        let own = self.inner.answer(now, batch);
        match self.inner.remote.apply(now, copy) {
            Answer::Ready(theirs) => Answer::Ready(self.settle(own, Some(theirs))),
            Answer::Pending(theirs) => {
                let deadline = self.deadline();
                Answer::Pending(Box::pin(async move {
                    let theirs = timeout_at(deadline, theirs).await;
                    self.settle(own, theirs.ok())
                }))
            }
        }
    }

    /// Has memory answer, and the remote store told, whose answer only the breaker hears of.
    fn tell(self, now: Now, batch: Batch) -> Batch {
        let mut copy = copy(&batch);
        for entry in &mut copy.entries {
            if let Request::Announce(announce) = &mut entry.request {
                announce.want.peers = 0;
            }
        }
        let own = self.inner.answer(now, batch);
        match self.inner.remote.apply(now, copy) {
            Answer::Ready(theirs) => self.hear(Some(&theirs)),
            Answer::Pending(theirs) => {
                let deadline = self.deadline();
                let told = async move {
                    let theirs = timeout_at(deadline, theirs).await;
                    self.hear(theirs.as_ref().ok());
                };
                // Without a runtime nobody could wait for it: it is given up.
                let _ = Handle::try_current().map(|runtime| runtime.spawn(told));
            }
        }
        own
    }

    fn deadline(&self) -> Instant {
        self.asked + self.inner.config.timeout
    }

    /// Memory's answers, with the remote store's in their place where it has some.
    fn settle(self, mut own: Batch, theirs: Option<Batch>) -> Batch {
        self.hear(theirs.as_ref());
        if let Some(theirs) = theirs {
            merge(&mut own, theirs);
        }
        own
    }

    /// Takes note of what the remote store has said, if it has.
    fn hear(mut self, theirs: Option<&Batch>) {
        let answered = |entry: &Entry| is_answered(&entry.request, &entry.reply);
        self.outcome = match theirs {
            None => Outcome::TimedOut,
            Some(batch) if batch.entries.iter().any(answered) => Outcome::Answered,
            Some(_) => Outcome::Failed,
        };
    }
}

impl Drop for Passage {
    /// However it ends: whoever waits for an answer may go at any time.
    fn drop(&mut self) {
        let inner = &self.inner;
        inner.in_flight.fetch_sub(1, Ordering::Relaxed);
        match self.outcome {
            Outcome::TimedOut => inner.time_outs.fetch_add(1, Ordering::Relaxed),
            Outcome::Failed => inner.failures.fetch_add(1, Ordering::Relaxed),
            Outcome::Answered => inner.answered.fetch_add(1, Ordering::Relaxed),
            Outcome::GivenUp => 0,
        };
        if let Some(change) = inner.breaker.report(self.pass, self.outcome, Instant::now()) {
            inner.log(change);
        }
    }
}

/// The same requests, unanswered.
fn copy(batch: &Batch) -> Batch {
    let entries = batch.entries.iter().map(|entry| Entry { request: entry.request, reply: Reply::Unanswered });
    Batch { seed: batch.seed, entries: entries.collect(), peers: Vec::new() }
}

fn is_answered(request: &Request, reply: &Reply) -> bool {
    matches!(
        (request, reply),
        (Request::Announce(_), Reply::Announce { .. }) | (Request::Scrape(_), Reply::Scrape { .. })
    )
}

/// Puts `theirs` in the place of `own` replies, but for those that are none or missing.
fn merge(own: &mut Batch, theirs: Batch) {
    let Batch { entries, peers, .. } = theirs;
    let kept = std::mem::replace(&mut own.peers, peers);
    let replies = entries.into_iter().map(|entry| entry.reply).chain(iter::repeat(Reply::Failed));
    for (entry, reply) in own.entries.iter_mut().zip(replies) {
        if is_answered(&entry.request, &reply) {
            entry.reply = reply;
        } else if let Reply::Announce { peers, .. } = &mut entry.reply {
            for family in Family::BOTH {
                let bytes = kept.get(peers[family].range()).unwrap_or_default();
                peers[family] = append(&mut own.peers, bytes);
            }
        }
    }
}

/// Puts bytes at the end, where there is room that a span can tell of.
fn append(peers: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let (Ok(start), Ok(end)) = (u32::try_from(peers.len()), u32::try_from(peers.len() + bytes.len())) else {
        return Span::default();
    };
    peers.extend_from_slice(bytes);
    Span { start, end }
}
