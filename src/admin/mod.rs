//! The admin frontend: what operators and their machines see of the tracker, on addresses of their own.
//!
//! Nothing here is on the way of a request. Workers count for themselves; their counts are summed, and the store, the sockets and
//! the process are looked at, when somebody asks. No info hash, address or peer id is ever told, but by `/explain` to who names it.

mod ask;
mod config;
mod explain;
mod history;
mod metrics;
mod page;
mod process;
mod serve;
mod stats;
mod text;

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use socket2::SockRef;
use tokio::time;

use crate::clock::Clock;
use crate::counters::Counters;
use crate::sys;
use crate::tracker::Tracker;

use history::History;
use stats::Stats;

pub use ask::{AskError, explain};
pub use config::Config;
pub use page::CONTENT_SECURITY_POLICY;
pub use serve::serve;

/// What is in reach of a tracker's operators.
pub struct Sources {
    /// Its store among it.
    pub tracker: Arc<Tracker>,
    /// By which it asks the store.
    pub clock: Clock,
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
    /// What does not change.
    pub about: About,
}

/// What is said of a tracker to people.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Where clients announce.
    pub announce_urls: Vec<String>,
    /// What is asked of them and promised to them, in words, with its values.
    pub policy: Vec<(&'static str, String)>,
    /// Whom to turn to.
    pub contact: String,
}

/// All that can be seen of a running tracker.
pub struct View {
    sources: Sources,
    started: Instant,
    history: Mutex<History>,
    cache: Mutex<Option<(Instant, Arc<Stats>)>>,
}

impl View {
    /// Of a tracker that starts now.
    pub fn new(sources: Sources) -> Self {
        Self { sources, started: Instant::now(), history: Mutex::default(), cache: Mutex::default() }
    }

    /// Takes note of how many requests come, for as long as it is polled.
    pub async fn remember(self: Arc<Self>) {
        let mut interval = time::interval(history::INTERVAL);
        // The first tick is at once.
        interval.tick().await;
        loop {
            interval.tick().await;
            self.history.lock().record(self.requests());
        }
    }
}

impl std::ops::Deref for View {
    type Target = Sources;

    fn deref(&self) -> &Sources {
        &self.sources
    }
}

impl Watched {
    /// Datagrams that the kernel has dropped at all of them together, where it tells of each.
    fn drops(&self) -> Option<u64> {
        let drops = self.sockets.iter().map(|socket| sys::receive_drops(&SockRef::from(socket)).map(u64::from));
        drops.sum::<Result<u64, _>>().ok()
    }
}

/// The sockets of all workers on one address.
pub struct Watched {
    /// The address.
    pub address: SocketAddr,
    /// Each worker's.
    pub sockets: Vec<UdpSocket>,
}
