//! The contract between the tracker and whatever keeps its swarms.
//!
//! A [`Storage`] answers batches: a worker hands over everything it has just received in one call, and the batch comes
//! back with a reply beside each request, at once or later ([`Answer`]). So a store in memory can group its work, and
//! one across a network pays one round trip for all of it.
//!
//! # What a store promises
//!
//! - **Identity** is (family, address, port): an [`Endpoint`](crate::bittorrent::Endpoint). Peers of the two families
//!   form separate swarms of one torrent; only `completed` counts both.
//! - **A batch comes back whole**: the entries it went with, in their order, each with a reply.
//! - **Each request is atomic**: its change, its counts and its peers belong to one moment of the swarm. The requests of a
//!   batch are applied in order; batches of different workers interleave as they come.
//! - **Counts** are taken after the change, so they include a peer that has just announced.
//! - **`completed`** rises at a peer's first [`Change::Present`] with `completed` set while it is a seeder, once per entry,
//!   and never for an entry that began as a seeder without it.
//! - **Nothing comes from nothing**: removing an unknown peer, looking without storing, and scraping create nothing.
//! - **Peers** are distinct, never the requester, each of those on offer as likely as any other, and as many as wanted while
//!   there are that many. Seeders and partial seeds are offered downloaders; downloaders are offered everyone.
//! - **Expiry**: a peer that has not announced for the lifetime given at opening is forgotten, soon though not at once.
//!
//! A store that may be slow or away is wrapped in a [`Fallback`](fallback::Fallback), which answers in its place.
//!
//! With the feature `conformance`, the module of that name tries all of it against a driver, in one call.

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod driver;
pub mod fallback;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
pub mod writing_a_driver;

use std::pin::Pin;

use crate::bittorrent::PerFamily;
use crate::clock::Now;

pub use batch::{Announce, Batch, Change, Entry, Reply, Request, Role, Scrape, Span, Want};
pub use driver::{Driver, Drivers, Environment, Settings, SettingsError, StorageError};

/// A data store that keeps swarms: the interface every driver fills.
pub trait Storage: Send + Sync + 'static {
    /// Applies each request of the batch in order and fills its reply: counts, then peers as compact bytes.
    fn apply(&self, now: Now, batch: Batch) -> Answer;

    /// Forgets expired peers in the next slice of the store; called about once a second, never long.
    fn sweep(&self, now: Now);

    /// What the store holds, without walking it.
    fn totals(&self) -> Totals;

    /// Writes what should survive a restart; a store that needs nothing does nothing.
    ///
    /// # Errors
    ///
    /// When it could not be written.
    fn save(&self, _now: Now) -> Result<(), StorageError> {
        Ok(())
    }

    /// How well it does its work.
    fn health(&self) -> Health {
        Health::default()
    }

    /// Who answers when there is no time to wait for it; nobody, for most stores.
    ///
    /// A worker asks once it has as many batches under way as it has room for, and the store takes long with each.
    fn stand_in(&self) -> Option<&dyn StandIn> {
        None
    }
}

/// Answers in the place of a store that would take longer.
pub trait StandIn: Sync {
    /// Fills every reply as [`Storage::apply`] does, and at once, if less well.
    fn answer(&self, now: Now, batch: Batch) -> Batch;
}

/// Done already, as by a store in memory, or done later, as by a remote one. The batch comes back either way.
pub enum Answer {
    /// Every reply is filled.
    Ready(Batch),
    /// Every reply is filled once this resolves; it resolves in bounded time. Dropped, it gives up the batch: nothing is kept of
    /// it for long, whether its requests have taken effect or not.
    Pending(Pin<Box<dyn Future<Output = Batch> + Send>>),
}

/// How much a store holds. `None` where it cannot know without walking.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Torrents with at least one peer or a completed download.
    pub torrents: Option<u64>,
    /// Peers of each family, unexpired or not yet swept.
    pub peers: Option<PerFamily<u64>>,
}

/// How well a store does its work, and how often it has not. A store that cannot fail has nothing but zeros.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Health {
    /// It answers less well than it should: a remote store, for one, from this process's own peers.
    pub degraded: bool,
    /// How often it has become so.
    pub degradations: u64,
    /// Batches not answered in time.
    pub time_outs: u64,
    /// Batches of which no request could be answered.
    pub failures: u64,
    /// Batches that were answered without the remote store being told of them.
    pub unshared: u64,
    /// Batches that the remote store has not answered yet.
    pub in_flight: u64,
    /// Announces that were answered and not stored, for want of room.
    pub refused: u64,
}

/// Calls of [`Storage::sweep`] that pass over a whole store: at one a second, an expired peer is gone about a minute later.
pub const SWEEPS_PER_PASS: usize = 64;
