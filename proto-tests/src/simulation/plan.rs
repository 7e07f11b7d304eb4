//! What a seed stands for: the tracker's configuration, its store, the clients and what the network does to them.

use chihaya::tracker;
use chihaya::units::Period;
use rand::RngExt;
use rand::rngs::SmallRng;

use super::client::Millis;
use super::truth::Seconds;

/// Everything that is fixed before the first event.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) tracker: tracker::Config,
    pub(super) store: Store,
    pub(super) shards: u8,
    pub(super) workers: usize,
    pub(super) clients: usize,
    pub(super) torrents: u8,
    /// What the clock says at the beginning; it wraps past 32 bits.
    pub(super) start: Seconds,
    pub(super) ends: Millis,
    /// Of a thousand datagrams: so many are lost, so many come twice, so many are sent again by a forger.
    pub(super) lost: u32,
    pub(super) doubled: u32,
    pub(super) forged: u32,
    /// How long a datagram takes at most; those that take longer are overtaken.
    pub(super) latency: Millis,
    /// How long a worker may be busy before it looks at its socket.
    pub(super) busy: Millis,
    /// The clock jumps.
    pub(super) jumps: bool,
}

/// Who keeps the swarms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Store {
    /// Memory.
    Memory,
    /// A remote store with a fallback around it.
    Covered,
    /// A remote store alone.
    Bare,
}

impl Plan {
    pub(super) fn draw(rng: &mut SmallRng) -> Self {
        let interval: u64 = rng.random_range(300..=1_800);
        let lifetime = interval * 11 / 10 + rng.random_range(60..=interval);
        let tracker = tracker::Config {
            announce_interval: Period::seconds(interval),
            min_announce_interval: Period::seconds(interval / 2),
            peer_lifetime: Period::seconds(lifetime),
            ..tracker::Config::default()
        };
        tracker.check().expect("the configuration is one that the tracker takes");
        let ends = 1_000 * interval * rng.random_range(2..=4);
        let start = match rng.random_range(0..4) {
            0 => i64::from(u32::MAX) - i64::try_from(ends / 1_000).unwrap_or_default() / 2,
            1 => rng.random_range(100_000..i64::from(u32::MAX)),
            _ => 1_800_000_000,
        };
        // Most seeds are small; some have hundreds of clients.
        let clients = rng.random_range(10..=60) * if rng.random_ratio(1, 10) { 5 } else { 1 };
        Self {
            tracker,
            store: [Store::Memory, Store::Covered, Store::Covered, Store::Bare][rng.random_range(0..4)],
            shards: rng.random_range(1..=8),
            workers: rng.random_range(1..=3),
            clients,
            torrents: rng.random_range(1..=6),
            start,
            ends,
            lost: [0, 10, 100, 300][rng.random_range(0..4)],
            doubled: [0, 20, 200][rng.random_range(0..3)],
            forged: [0, 20][rng.random_range(0..2)],
            latency: [20, 300, 20_000][rng.random_range(0..3)],
            busy: [1, 20, 3_000][rng.random_range(0..3)],
            jumps: rng.random(),
        }
    }

    pub(super) fn lifetime(&self) -> Seconds {
        Seconds::try_from(self.tracker.peer_lifetime.0.as_secs()).unwrap_or(Seconds::MAX)
    }
}
