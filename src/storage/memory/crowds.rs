//! Both swarms of a torrent of which one at least is large, and the key that their places are chosen by.

use super::crowd::{Crowd, Seat, Sought};
use super::key::Key;
use crate::bittorrent::{Endpoint, Family, InfoHash};
use crate::storage::Role;

/// Both swarms of one torrent, at least one of which is large.
#[derive(Debug)]
pub(super) struct Crowds {
    /// Whose they are.
    pub(super) info_hash: InfoHash,
    /// What their peers are hashed with, theirs alone: replies betray who is near whom.
    pub(super) key: Key,
    /// The number of that key.
    pub(super) number: u64,
    /// Peers that have come since they have had it.
    pub(super) newcomers: usize,
    pub(super) v4: Crowd<6>,
    pub(super) v6: Crowd<18>,
}

impl Crowds {
    pub(super) fn sought(&self, peer: &Endpoint) -> Sought {
        let hash = match peer {
            Endpoint::V4(endpoint) => self.key.endpoint(endpoint),
            Endpoint::V6(endpoint) => self.key.endpoint(endpoint),
        };
        Sought { key: self.number, hash, at: None }
    }

    /// Where a peer is that is one of them.
    pub(super) fn seat(&self, peer: &Endpoint) -> Seat {
        let own = self.sought(peer);
        let seat = match peer {
            Endpoint::V4(endpoint) => self.v4.find(endpoint, own, Role::Downloader),
            Endpoint::V6(endpoint) => self.v6.find(endpoint, own, Role::Downloader),
        };
        seat.expect("it has just been put there")
    }

    /// Whether peers have been chosen by where they would be put, and enough have come to pay for another key.
    pub(super) fn are_skewed(&self, family: Family, seat: Seat) -> bool {
        let skewed = match family {
            Family::V4 => self.v4.is_skewed(seat),
            Family::V6 => self.v6.is_skewed(seat),
        };
        skewed && self.newcomers >= (self.v4.len() + self.v6.len()) / 2
    }

    pub(super) fn deal_out(&mut self, key: Key, number: u64) {
        (self.key, self.number, self.newcomers) = (key, number, 0);
        self.v4.deal_out(&key);
        self.v6.deal_out(&key);
    }
}
