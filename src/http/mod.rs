//! The HTTP frontend (BEP 3, "Trackers"), for networks that block UDP.
//!
//! Each worker runs one [`serve`] per address, on its own thread. What must hold for the process as a whole, such as the
//! number of open connections, is kept in the one [`Frontend`] they share.

mod client_address;
mod config;
mod connection;
mod handler;
mod listener;
mod patience;

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::tracker::{ConfigError, Tracker};
use patience::Limits;

pub use client_address::{Proxies, UnknownClient};
pub use config::Config;
pub use listener::serve;

/// What all connections of the process share.
pub struct Frontend {
    tracker: Arc<Tracker>,
    clock: Clock,
    announce_path: String,
    scrape_path: String,
    proxies: Proxies,
    limits: Limits,
    /// One permit for each connection that may still be opened.
    room: Arc<Semaphore>,
    max_connections: usize,
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
            announce_path: config.announce_path,
            scrape_path: config.scrape_path,
            limits: Limits { request: config.request_timeout.0, idle: config.idle_timeout.0 },
            room: Arc::new(Semaphore::new(config.max_connections)),
            max_connections: config.max_connections,
        })
    }

    /// Connections that are open now, over all workers.
    pub fn open_connections(&self) -> usize {
        self.max_connections - self.room.available_permits()
    }
}

#[cfg(test)]
mod tests;
