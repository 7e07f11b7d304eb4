//! How much one source may bring into a store: `[limits]`.

use serde::{Deserialize, Serialize};

/// `[limits]`: what a driver is told of it, and keeps to where it is the one who knows.
///
/// Only entries that are not there yet count; who is known is renewed whatever the limits. Who is beyond them is answered as
/// ever, and not stored.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Ports of one IPv4 address, or of one IPv6 /64, that a swarm takes in at most; 0 sets no limit. A driver may refuse one
    /// somewhat before.
    pub ports_per_address: u16,
    /// New entries a second from one network, an IPv4 address or an IPv6 /64, in the long run; 0 sets no limit.
    pub new_entries_per_second: u32,
    /// New entries that a network may bring in at once when it has not for a while.
    pub new_entries_burst: u32,
}

impl Limits {
    /// None at all.
    pub const NONE: Self = Self { ports_per_address: 0, new_entries_per_second: 0, new_entries_burst: 0 };
}

impl Default for Limits {
    fn default() -> Self {
        Self { ports_per_address: 256, new_entries_per_second: 5_000, new_entries_burst: 100_000 }
    }
}
