//! The admin frontend: what operators and their machines see of the tracker, on addresses of their own.
//!
//! Nothing here is on the way of a request. Workers count for themselves; their counts are summed, and the store, the sockets and
//! the process are looked at, when somebody asks. No info hash, address or peer id is ever told.

mod config;
mod metrics;
mod process;
mod serve;
mod text;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use crate::counters::Counters;
use crate::tracker::Tracker;

pub use config::Config;
pub use serve::serve;

/// All that can be seen of a running tracker.
pub struct View {
    /// Its store among it.
    pub tracker: Arc<Tracker>,
    /// The store's driver.
    pub driver: String,
    /// What each worker has counted.
    pub workers: Vec<Arc<Counters>>,
    /// Its UDP sockets.
    pub sockets: Vec<Watched>,
    /// How many HTTP connections are open.
    pub http_connections: Box<dyn Fn() -> usize + Send + Sync>,
    /// How often the secret of connection ids has been replaced.
    pub secret_rotations: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// The sockets of all workers on one address.
pub struct Watched {
    /// The address.
    pub address: SocketAddr,
    /// Each worker's.
    pub sockets: Vec<UdpSocket>,
}
