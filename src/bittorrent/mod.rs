//! The nouns of BitTorrent trackers: what is announced, by whom, and what comes back. Pure values.

mod announce;
mod counts;
mod endpoint;
mod id;
mod retry;

pub use announce::{Announce, Event};
pub use counts::Counts;
pub use endpoint::{Endpoint, Family, PerFamily};
pub use id::{InfoHash, PeerId};
pub use retry::Retry;
