//! The HTTP frontend (BEP 3, "Trackers"), for networks that block UDP.
//!
//! Each worker runs one [`serve`] per address, on its own thread. What must hold for the process as a whole, such as the
//! number of open connections, is kept in the one [`Frontend`] they share.

mod client_address;
mod config;
mod connection;
mod handler;
mod listener;
mod outbox;
mod patience;
mod socket;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;
use tracing::warn;

use crate::clock::{Clock, Now};
use crate::tracker::{ConfigError, Tracker};
use patience::Limits;

pub use client_address::{Proxies, UnknownClient};
pub use config::Config;
pub use connection::converse;
pub use listener::serve;

/// The status page and its numbers, made anew for each who asks.
pub struct Status {
    /// The page, in HTML, with the path of its numbers.
    pub page: Box<dyn Fn(&str) -> String + Send + Sync>,
    /// What the page may load.
    pub content_security_policy: &'static str,
    /// The numbers, in JSON.
    pub numbers: Box<dyn Fn() -> String + Send + Sync>,
}

/// What all connections of the process share.
pub struct Frontend {
    tracker: Arc<Tracker>,
    clock: Clock,
    announce_path: String,
    scrape_path: String,
    proxies: Proxies,
    /// Path of the status page, and of its numbers; empty where there is none.
    status_paths: [String; 2],
    status: OnceLock<Status>,
    limits: Limits,
    /// One permit for each connection that may still be opened.
    room: Arc<Semaphore>,
    max_connections: usize,
    /// When it was last said that there is no room.
    said_full: AtomicU32,
}

impl Frontend {
    /// A frontend as configured.
    ///
    /// # Errors
    ///
    /// Those of [`Config::check`].
    pub fn new(tracker: Arc<Tracker>, clock: Clock, config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self {
            tracker,
            clock,
            proxies: Proxies { header: config.header()?, networks: config.trusted_proxies },
            status_paths: match config.status_path {
                path if path.is_empty() => Default::default(),
                path => [path.clone(), path + ".json"],
            },
            status: OnceLock::new(),
            announce_path: config.announce_path,
            scrape_path: config.scrape_path,
            limits: Limits { request: config.request_timeout.0, idle: config.idle_timeout.0 },
            room: Arc::new(Semaphore::new(config.max_connections)),
            max_connections: config.max_connections,
            said_full: AtomicU32::new(clock.now().0.wrapping_sub(SECONDS_BETWEEN_WARNINGS)),
        })
    }

    /// Has it show the status page, where that has a path. Once: others are not shown.
    pub fn show(&self, status: Status) {
        let _ = self.status.set(status);
    }

    /// Connections that are open now, over all workers.
    pub fn open_connections(&self) -> usize {
        self.max_connections - self.room.available_permits()
    }

    /// Says that connections are refused: once in a while, for whoever fills them all shall not fill the log too.
    fn warn_full(&self) {
        let now = self.clock.now();
        let last = self.said_full.load(Ordering::Relaxed);
        if now.seconds_since(Now(last)) < SECONDS_BETWEEN_WARNINGS {
            return;
        }
        // Of several workers that see it at once, one says it.
        if self.said_full.compare_exchange(last, now.0, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let most = self.max_connections;
            warn!(
                "http.max_connections: all {most} are open, others are closed at once; raise it, or lower idle_timeout"
            );
        }
    }
}

/// Often enough to be noticed.
const SECONDS_BETWEEN_WARNINGS: u32 = 60;

#[cfg(test)]
mod tests;
