//! What requests mean: the tracker's policies between the frontends and the store.
//!
//! A frontend parses an announce, has it [admitted](Live::admit), collects a batch of what was admitted, and
//! [applies](Tracker::apply) it. Nothing here knows sockets or reads the clock.

mod address;
mod config;

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::bittorrent::{Announce, Event, Retry};
use crate::clock::Now;
use crate::storage::{self, Answer, Batch, Change, Role, Storage, Want};

pub use address::{is_peer_address, is_private};
pub use config::{Config, ConfigError};

/// The tracker: its store and the policies in force.
pub struct Tracker {
    storage: Arc<dyn Storage>,
    live: ArcSwap<Live>,
}

impl Tracker {
    /// A tracker over a store.
    pub fn new(storage: Arc<dyn Storage>, live: Live) -> Self {
        Self { storage, live: ArcSwap::from_pointee(live) }
    }

    /// The policies in force, to be read once per batch.
    pub fn live(&self) -> Guard<Arc<Live>> {
        self.live.load()
    }

    /// Has the store answer a batch.
    pub fn apply(&self, now: Now, batch: Batch) -> Answer {
        self.storage.apply(now, batch)
    }

    /// The store itself, for timers and totals.
    pub fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }
}

/// Everything that may change while the tracker runs.
#[derive(Clone, Debug)]
pub struct Live {
    config: Config,
}

impl Live {
    /// Policies as configured.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// What an announce asks of the store, if policy lets it through.
    ///
    /// `most_peers` is what the transport's reply has room for, beside what policy allows; `both_families` whether it can carry both.
    ///
    /// # Errors
    ///
    /// Why it is refused, to be told to the client.
    pub fn admit(
        &self,
        announce: &Announce,
        most_peers: u32,
        both_families: bool,
    ) -> Result<storage::Announce, Rejection> {
        let stopped = announce.event == Event::Stopped;
        if announce.peer.port() == 0 && !stopped {
            return Err(Rejection::InvalidPort);
        }
        let address = announce.peer.address();
        if !is_peer_address(address) {
            return Err(Rejection::InvalidAddress);
        }
        let role = role(announce);
        let change = if stopped {
            Change::Absent
        } else if self.config.store_private_addresses || !is_private(address) {
            Change::Present { role, completed: announce.event == Event::Completed }
        } else {
            Change::Unchanged { role }
        };
        let peers = if stopped { 0 } else { self.peers(announce.num_want).min(most_peers) };
        Ok(storage::Announce {
            info_hash: announce.info_hash,
            peer: announce.peer,
            change,
            want: Want { peers, both_families },
        })
    }

    /// Seconds until a client shall announce again: the configured interval, jittered by a fresh random number so that
    /// clients which came together do not stay together.
    pub fn interval_seconds(&self, random: u32) -> u32 {
        let interval = self.config.announce_interval.0.as_secs_f64();
        let fraction = f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0;
        whole_seconds(interval * (1.0 + self.config.interval_jitter * fraction))
    }

    /// Seconds that a client shall let pass at least between two announces.
    pub fn min_interval_seconds(&self) -> u32 {
        whole_seconds(self.config.min_announce_interval.0.as_secs_f64())
    }

    /// Info hashes that one UDP scrape is answered for.
    pub fn max_scrape_infohashes(&self) -> usize {
        self.config.max_scrape_infohashes
    }

    fn peers(&self, num_want: Option<u32>) -> u32 {
        num_want.unwrap_or(self.config.default_numwant).min(self.config.max_numwant)
    }
}

/// A seeder lacks nothing; of the others, those that paused want no more (BEP 21).
fn role(announce: &Announce) -> Role {
    match (announce.left, announce.event) {
        (0, _) => Role::Seeder,
        (_, Event::Paused) => Role::PartialSeed,
        _ => Role::Downloader,
    }
}

fn whole_seconds(seconds: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float saturates when cast")]
    let whole = seconds.round() as u32;
    whole.max(1)
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum Rejection {
    /// It announces port 0 and is not leaving.
    InvalidPort,
    /// No peer can have its address.
    InvalidAddress,
    /// The store could not answer in time.
    Overloaded,
}

impl Rejection {
    /// What the client is told.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::InvalidPort => "invalid port",
            Self::InvalidAddress => "invalid address",
            Self::Overloaded => "tracker overloaded, try again later",
        }
    }

    /// When the client may try again (BEP 31).
    pub const fn retry(self) -> Retry {
        match self {
            Self::InvalidPort | Self::InvalidAddress => Retry::Never,
            Self::Overloaded => Retry::InMinutes(OVERLOAD_MINUTES),
        }
    }
}

/// Long enough for a store to recover, short enough not to lose the swarm.
const OVERLOAD_MINUTES: u32 = 5;

#[cfg(test)]
mod tests;
