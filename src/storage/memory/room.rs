//! How much a store may hold, where that is limited: counts that its shards keep together.

use std::sync::Arc;

use tracing::warn;

use super::Config;
use crate::sync::{AtomicU64, Ordering};

/// What all shards hold together, and may hold.
#[derive(Debug)]
pub(super) struct Room {
    most: Held,
    peers: AtomicU64,
    torrents: AtomicU64,
    refused: AtomicU64,
}

/// One shard's part of it.
#[derive(Debug)]
pub(super) struct Share {
    room: Arc<Room>,
    /// What the shard held when it last said so.
    told: Held,
}

/// Numbers of peers and torrents.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Held {
    pub(super) peers: u64,
    pub(super) torrents: u64,
}

impl Room {
    /// Nothing where there is no limit, so that nothing is counted either.
    pub(super) fn new(config: &Config) -> Option<Arc<Self>> {
        let most = |limit: usize| if limit == 0 { u64::MAX } else { limit as u64 };
        let most = Held { peers: most(config.max_peers), torrents: most(config.max_torrents) };
        let [peers, torrents, refused] = Default::default();
        (most.peers.min(most.torrents) < u64::MAX).then(|| Arc::new(Self { most, peers, torrents, refused }))
    }

    /// Announces that were answered and not stored.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Share {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self { room, told: Held::default() }
    }

    pub(super) fn has_peers_enough(&self) -> bool {
        self.room.peers.load(Ordering::Relaxed) >= self.room.most.peers
    }

    pub(super) fn has_torrents_enough(&self) -> bool {
        self.room.torrents.load(Ordering::Relaxed) >= self.room.most.torrents
    }

    /// Counts one that is not stored, for want of room for peers or for torrents, and says so of the first.
    pub(super) fn refuse(&self, peers: bool) {
        if self.room.refused.fetch_add(1, Ordering::Relaxed) == 0 {
            let most = self.room.most;
            let (what, most) = if peers { ("peers", most.peers) } else { ("torrents", most.torrents) };
            warn!("storage: {most} {what} fill the memory that they may take; others are answered and not stored");
        }
    }

    /// Says what the shard holds now.
    pub(super) fn tell(&mut self, held: Held) {
        // A difference below zero is added all the same, across the wrap.
        let tell = |count: &AtomicU64, now: u64, before: u64| {
            if now != before {
                count.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
            }
        };
        tell(&self.room.peers, held.peers, self.told.peers);
        tell(&self.room.torrents, held.torrents, self.told.torrents);
        self.told = held;
    }
}
