//! For the benchmarks that need no network: a crowd of peers, datagrams in memory, and a stopwatch.
//!
//! Everything follows from numbers and fixed seeds, so that two runs ask the same of the store in the same order.

mod chosen;
mod course;
mod crowd;
mod mail;
mod stopwatch;
mod world;

pub use chosen::Chosen;
pub use course::{Course, apply};
pub use crowd::{Crowd, Peer, Shape, client, info_hash};
pub use mail::Mail;
pub use stopwatch::{Lap, thread_time, timed};
pub use world::{World, send_connect};

use chihaya::clock::{Clock, Now};
use chihaya::storage::memory::{Config, MemoryStorage};
use chihaya::storage::{Environment, Limits};

/// An empty store whose hash key is always the same, limited as by default, though none of its clients comes near.
pub fn storage() -> MemoryStorage {
    let mut environment =
        Environment::new(std::time::Duration::from_secs(LIFETIME_SECONDS.into()), [7; 16], Clock::start());
    environment.limits = Limits::default();
    environment.limits.new_entries_burst = u32::MAX;
    MemoryStorage::new(&Config::default(), environment)
}

/// When the benchmarks begin.
pub const START: Now = Now(1_800_000_000);

/// How long a peer of [`storage`] lives.
pub const LIFETIME_SECONDS: u32 = 3_000;
