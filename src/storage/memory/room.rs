//! How much a store may hold, and counts of what it holds and refuses that its shards keep together.

use std::sync::Arc;

use tracing::warn;

use super::Config;
use super::key::Key;
use super::networks::Networks;
use crate::bittorrent::Endpoint;
use crate::clock::Now;
use crate::storage::{Health, Limits, Refused};
use crate::sync::{AtomicU64, Ordering};

/// What all shards hold together, and may hold.
#[derive(Debug)]
pub(super) struct Room {
    /// Nothing where that is not limited; then nothing is counted either.
    most: Option<Held>,
    networks: Option<Networks>,
    peers: AtomicU64,
    torrents: AtomicU64,
    evicted: AtomicU64,
    refused: [AtomicU64; 5],
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

/// The limit that a newcomer would exceed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Beyond {
    /// Of the peers of a store.
    Peers,
    /// Of its torrents, though not of its peers.
    Torrents,
    /// Of the torrents that chance brings to one place.
    Place,
    /// Of what a network may bring in.
    Network,
    /// Of the ports that an address may have in a swarm.
    Ports,
}

impl Room {
    pub(super) fn new(config: &Config, limits: Limits, key: Key) -> Arc<Self> {
        let most = |limit: usize| if limit == 0 { u64::MAX } else { limit as u64 };
        let most = Held { peers: most(config.max_peers), torrents: most(config.max_torrents) };
        let most = (most.peers.min(most.torrents) < u64::MAX).then_some(most);
        let networks = Networks::new(limits, key);
        let [peers, torrents, evicted] = Default::default();
        Arc::new(Self { most, networks, peers, torrents, evicted, refused: Default::default() })
    }

    pub(super) fn health(&self) -> Health {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let refused = |beyond: Beyond| read(&self.refused[beyond as usize]);
        Health {
            refused: Refused {
                room: [Beyond::Peers, Beyond::Torrents, Beyond::Place].map(refused).iter().sum(),
                network: refused(Beyond::Network),
                ports: refused(Beyond::Ports),
            },
            evicted: read(&self.evicted),
            ..Health::default()
        }
    }
}

impl Share {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self { room, told: Held::default() }
    }

    /// What there is no room for, if a peer is to come in, into a torrent that is kept or into a new one.
    pub(super) fn lack(&self, new_torrent: bool) -> Option<Beyond> {
        let most = self.room.most?;
        let full = |count: &AtomicU64, most| count.load(Ordering::Relaxed) >= most;
        if full(&self.room.peers, most.peers) {
            return Some(Beyond::Peers);
        }
        (new_torrent && full(&self.room.torrents, most.torrents)).then_some(Beyond::Torrents)
    }

    /// Whether the network of a new peer may bring it in. Counts it there if so.
    pub(super) fn admits(&self, peer: &Endpoint, now: Now) -> bool {
        self.room.networks.as_ref().is_none_or(|networks| networks.admit(peer, now))
    }

    /// Counts one that is not stored, and says so of the first.
    pub(super) fn refuse(&self, beyond: Beyond) {
        if self.room.refused[beyond as usize].fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        let most = self.room.most.unwrap_or_default();
        match beyond {
            Beyond::Peers => {
                warn!("storage: max_peers = {} is reached; others are answered and not stored", most.peers)
            }
            Beyond::Torrents => {
                warn!("storage: max_torrents = {} is reached; others are answered and not stored", most.torrents);
            }
            Beyond::Place => {
                warn!(
                    "storage: torrents have been chosen by where they are kept; others of there are answered and not stored"
                );
            }
            Beyond::Network => {
                warn!("limits: a network brings in more new peers than it may; they are answered and not stored")
            }
            Beyond::Ports => {
                warn!("limits: an address has more ports in a swarm than it may; they are answered and not stored")
            }
        }
    }

    /// Counts a torrent that gave way.
    pub(super) fn evict(&self) {
        self.room.evicted.fetch_add(1, Ordering::Relaxed);
    }

    /// Says what the shard holds now, where that is limited.
    pub(super) fn tell(&mut self, held: Held) {
        if self.room.most.is_none() {
            return;
        }
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
