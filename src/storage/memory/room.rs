//! How much a store may hold, where that is limited, and counts of it that its shards keep together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::warn;

use super::Config;
use super::key::Key;
use super::networks::Networks;
use crate::bittorrent::Endpoint;
use crate::clock::Now;
use crate::storage::{Health, Limits};

/// What all shards hold together, and may hold.
#[derive(Debug)]
pub(super) struct Room {
    /// Nothing where only sources are limited.
    most: Option<Held>,
    networks: Option<Networks>,
    peers: AtomicU64,
    torrents: AtomicU64,
    refused: AtomicU64,
    evicted: AtomicU64,
    limited: AtomicU64,
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

/// What a newcomer would need, and there is none of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lack {
    /// Room for one more peer.
    Peers,
    /// Room for one more torrent, but not for peers.
    Torrents,
}

impl Room {
    /// Nothing where there is no limit, so that nothing is counted either.
    pub(super) fn new(config: &Config, limits: Limits, key: Key) -> Option<Arc<Self>> {
        let most = |limit: usize| if limit == 0 { u64::MAX } else { limit as u64 };
        let most = Held { peers: most(config.max_peers), torrents: most(config.max_torrents) };
        let most = (most.peers.min(most.torrents) < u64::MAX).then_some(most);
        let networks = Networks::new(limits, key);
        let [peers, torrents, refused, evicted, limited] = Default::default();
        let room = Self { most, networks, peers, torrents, refused, evicted, limited };
        (room.most.is_some() || room.networks.is_some()).then(|| Arc::new(room))
    }

    pub(super) fn health(&self) -> Health {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Health {
            refused: read(&self.refused),
            evicted: read(&self.evicted),
            limited: read(&self.limited),
            ..Health::default()
        }
    }
}

impl Share {
    pub(super) fn new(room: Arc<Room>) -> Self {
        Self { room, told: Held::default() }
    }

    /// What there is no room for, if a peer is to come in, into a torrent that is kept or into a new one.
    pub(super) fn lack(&self, new_torrent: bool) -> Option<Lack> {
        let most = self.room.most?;
        let full = |count: &AtomicU64, most| count.load(Ordering::Relaxed) >= most;
        if full(&self.room.peers, most.peers) {
            return Some(Lack::Peers);
        }
        (new_torrent && full(&self.room.torrents, most.torrents)).then_some(Lack::Torrents)
    }

    /// Whether the network of a new peer may bring it in. Counts it, or that it may not, and says so of the first.
    pub(super) fn admit(&self, peer: &Endpoint, now: Now) -> bool {
        let admitted = self.room.networks.as_ref().is_none_or(|networks| networks.admit(peer, now));
        if !admitted && self.room.limited.fetch_add(1, Ordering::Relaxed) == 0 {
            warn!("limits: a network brings in more new entries than it may; others are answered and not stored");
        }
        admitted
    }

    /// Counts one that is not stored, for want of room, and says so of the first.
    pub(super) fn refuse(&self, lack: Lack) {
        if self.room.refused.fetch_add(1, Ordering::Relaxed) == 0 {
            let most = self.room.most.unwrap_or_default();
            let (what, most) = match lack {
                Lack::Peers => ("peers", most.peers),
                Lack::Torrents => ("torrents", most.torrents),
            };
            warn!("storage: {most} {what} fill the memory that they may take; others are answered and not stored");
        }
    }

    /// Counts a torrent that gave way.
    pub(super) fn evict(&self) {
        self.room.evicted.fetch_add(1, Ordering::Relaxed);
    }

    /// Says what the shard holds now, where it matters.
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
