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
//! - **Each request is atomic**: its change, its counts and its peers belong to one moment of the swarm.
//! - **Order** holds within a batch: each request sees what those before it have done. Batches under way at once, of one worker
//!   or of several, are applied in any order, and their requests may come between each other.
//! - **Counts** are taken after the change, so they include a peer that has just announced.
//! - **`completed`** rises at a peer's first [`Change::Present`] with `completed` set while it is a seeder, once per entry,
//!   and never for an entry that began as a seeder without it. It is remembered for a lifetime after the last peer, of either
//!   family, has gone.
//! - **Nothing comes from nothing**: removing an unknown peer, looking without storing, and scraping create nothing.
//! - **Peers** are distinct, never the requester, each of those on offer as likely as any other, and as many as wanted while
//!   there are that many; how many of each family, [`Want::split`] says. Seeders and partial seeds are offered downloaders;
//!   downloaders are offered everyone. Who leaves ([`Change::Absent`]) is told of nobody.
//! - **Expiry**: a peer that has not announced for the lifetime given at opening is forgotten, soon though not at once.
//!
//! A store that may be slow or away is wrapped in a [`Fallback`](fallback::Fallback), which answers in its place.
//!
//! With the feature `conformance`, the module of that name tries all of it against a driver, in one call.
//!
//! # What may be approximate
//!
//! - *When* something is forgotten: not before its lifetime has passed, and by a tenth of it and a few seconds later. Until then
//!   it is there for all that is asked: counted, and returned.
//! - *Which* of the peers on offer are chosen, and whether one choice tells something of the next, as long as none is preferred.
//! - [`Totals`]: a store that cannot know them at once says so, and does not guess.
//! - *Room*: a store that is full goes on answering, and does not store. Say so in the log, once. It may forget torrents of a
//!   single peer that has not been renewed, so that others have room.
//! - [`Limits`]: a store that knows at no cost who is new keeps to them, as the one in memory does. Others need not.
//!
//! # Who calls, from where
//!
//! | call | thread | tokio runtime |
//! |---|---|---|
//! | [`Driver::open`] | main, before any worker is there | none |
//! | [`Storage::apply`] | every worker, at the same time; main, where a fallback probes | the worker's own, on its one thread, with timers and I/O; the main thread's, likewise |
//! | [`Storage::sweep`] | main, about once a second | the main thread's |
//! | [`Storage::totals`], [`Storage::health`] | any | not to be counted on |
//! | [`Storage::save`] | main, last of all | none |
//!
//! A worker serves all its clients from one thread: whatever blocks in `apply`, or in the future it returns, stops them all. So
//! locks are held for microseconds, and whatever waits for a network or a disk is awaited. The future is polled in the runtime of
//! the worker that asked; a connection opened there belongs to that worker. Work of its own, which no call asks for, a store does
//! on a thread of its own. A panic, on any thread, ends the process. At the end the store is saved, and not dropped.
//!
//! **Moments** are whole seconds, read once per batch by the thread that calls. Those of two threads differ by a moment:
//! what is stored may lie ahead of `now`, which [`Now::seconds_since`] takes for no time at all.
//!
//! # Time-outs and failures
//!
//! - **The store sees to it that it answers**, within a fraction of a second: nobody else bounds a pending answer. A UDP worker
//!   has at most 16 batches under way on each of its sockets and reads no further until one of them comes back, but for what a
//!   [`StandIn`] answers; of HTTP each connection has one, up to `http.max_connections`. Past that a store needs no bounds, but may
//!   have tighter ones. A [`Fallback`](fallback::Fallback) has both: a time-out, and a number of batches under way.
//! - **A pending answer may be dropped**, when its client has gone or the tracker stops. Its requests may then have been applied
//!   or not, each of them as a whole.
//! - **What cannot be answered** stays [`Reply::Unanswered`] or becomes [`Reply::Failed`], each request for itself; whether its
//!   change was applied is open. Its client is told that the tracker is overloaded
//!   ([`Rejection::Overloaded`](crate::tracker::Rejection::Overloaded)), over HTTP with minutes to wait, and will announce
//!   again, which mends the swarm; a scrape of several torrents fails as one. Nobody tries again before.
//! - **Why** is for the operator: log it with `tracing`, at each change for better or worse and never per request.
//!
//! # A driver of your own
//!
//! [`writing_a_driver`] has a complete one, with its test and its `main`: [`Drivers::with`] and [`run`](crate::run) are all it takes.
//!
//! What is public in this module follows semantic versioning, this page included: an interface that drivers fill changes, and a
//! promise is added, with a new minor version before 1.0 and a new major version after it, and is told in the change log. In between,
//! methods are added with a body of their own, and fields to what a driver is given. `toml::Table` is part of it, in the major version
//! that this crate depends on.

mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod driver;
pub mod fallback;
mod limits;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
pub mod writing_a_driver;

use std::pin::Pin;

use crate::bittorrent::PerFamily;
use crate::clock::Now;

pub use batch::{Announce, Batch, Change, Entry, Reply, Request, Role, Scrape, Span, Want};
pub use driver::{Driver, Drivers, Environment, Settings, SettingsError, StorageError};
pub use limits::Limits;

/// A data store that keeps swarms: the interface every driver fills.
pub trait Storage: Send + Sync + 'static {
    /// Applies each request of the batch in order and fills its reply: counts, then peers as compact bytes.
    ///
    /// Called by all workers at once, within their runtimes; it must not block.
    fn apply(&self, now: Now, batch: Batch) -> Answer;

    /// Forgets expired peers in the next slice of the store; called about once a second, never long.
    ///
    /// [`SWEEPS_PER_PASS`] calls go over all of it. Requests are answered meanwhile. A store that forgets by itself does nothing.
    fn sweep(&self, now: Now);

    /// What the store holds, without walking it or waiting for anybody.
    fn totals(&self) -> Totals;

    /// Writes what should survive a restart; a store that needs nothing does nothing.
    ///
    /// No request is under way when the tracker calls it at its end; it may block.
    ///
    /// # Errors
    ///
    /// When it could not be written. The tracker then ends with this error and exit status 2.
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
    /// Every reply is filled once this resolves; it resolves in bounded time. Once dropped, nothing is kept of the batch for long.
    Pending(Pin<Box<dyn Future<Output = Batch> + Send>>),
}

/// How much a store holds, and what has come and gone. `None` where it cannot know without walking. Take what is left out from its
/// `default()`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Torrents with at least one peer or a completed download.
    pub torrents: Option<u64>,
    /// Peers of each family, unexpired or not yet swept.
    pub peers: Option<PerFamily<u64>>,
    /// Those of them that are seeders.
    pub seeders: Option<PerFamily<u64>>,
    /// Downloads that have completed since the store was opened.
    pub downloads: Option<u64>,
    /// Peers that have been forgotten since then because they did not announce.
    pub expired: Option<u64>,
}

/// How well a store does its work, and how often it has not. A store that cannot fail has nothing but zeros.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Health {
    /// It answers less well than it should: a remote store, for one, from this process's own peers.
    pub degraded: bool,
    /// How often it has become so.
    pub degradations: u64,
    /// Batches that the remote store has answered.
    pub answered: u64,
    /// Batches not answered in time.
    pub time_outs: u64,
    /// Batches of which no request could be answered.
    pub failures: u64,
    /// Batches that were answered without the remote store being told of them.
    pub unshared: u64,
    /// Batches that the remote store has not answered yet.
    pub in_flight: u64,
    /// Announces that were answered and not stored.
    pub refused: Refused,
    /// Torrents forgotten to make room for others.
    pub evicted: u64,
}

/// How many announces were answered and not stored, and why.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refused {
    /// The store was full.
    pub room: u64,
    /// Their network had brought in as many new entries as [`Limits`] allow.
    pub network: u64,
    /// Their address had as many ports in the swarm.
    pub ports: u64,
}

/// Calls of [`Storage::sweep`] that pass over a whole store: at one a second, an expired peer is gone about a minute later.
pub const SWEEPS_PER_PASS: usize = 64;
