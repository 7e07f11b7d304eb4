//! How many ports of one address a swarm takes in.
//!
//! Counting them must cost no memory and no search, so the ports of an address fall into groups of which each takes in a few,
//! and in a crowd a group's peers are kept by one [hash](super::key::Key::endpoint): they are all where a newcomer's own
//! place is looked for anyway. Ports fall evenly, so an address that shares itself among many clients comes near to the
//! limit; never beyond it. Of IPv6 a /64 counts as one address: whoever has one has all of it.

use super::key::scaled;
use crate::bittorrent::Family;

/// The groups that the ports of an address fall into.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ports {
    /// None where there is no limit.
    groups: u16,
    most: u16,
}

/// An address and one of its groups, the same bytes for all peers of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Group {
    bytes: [u8; 10],
    len: usize,
}

impl Ports {
    /// For so many ports at most; 0 sets no limit.
    pub(super) fn new(limit: u16) -> Self {
        let groups = limit.div_ceil(MOST_OF_A_GROUP);
        Self { groups, most: limit.checked_div(groups).unwrap_or_default() }
    }

    pub(super) fn are_limited(self) -> bool {
        self.groups > 0
    }

    /// Peers of one group that a swarm takes in.
    pub(super) fn most(self) -> usize {
        self.most.into()
    }

    /// The group of an endpoint: not secret, since whoever chooses ports of one group alone only gets fewer in.
    #[inline(always)]
    pub(super) fn group<const N: usize>(self, endpoint: &[u8; N]) -> Group {
        let (network, rest) = endpoint.split_at(network(endpoint).len());
        #[expect(clippy::cast_possible_truncation, reason = "below the number of groups")]
        let number = scaled(mixed(rest), self.groups.into()) as u16;
        let (mut bytes, len) = ([0; 10], network.len() + 2);
        bytes[..network.len()].copy_from_slice(network);
        bytes[network.len()..len].copy_from_slice(&number.to_le_bytes());
        Group { bytes, len }
    }
}

impl Group {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The part of an endpoint that is counted as one source: an IPv4 address, or an IPv6 /64, which is the least that one
/// subscriber has.
pub(super) fn network(endpoint: &[u8]) -> &[u8] {
    &endpoint[..if endpoint.len() == Family::V4.peer_length() { 4 } else { 8 }]
}

/// 16 bits of the rest of it: neighbours, and even ports alone, are as far apart as can be.
fn mixed(rest: &[u8]) -> u16 {
    let folded = rest
        .chunks_exact(2)
        .fold(0_u32, |sum, pair| sum.rotate_left(5).wrapping_add(u32::from(u16::from_be_bytes([pair[0], pair[1]]))));
    // The odd number nearest to 2^32 divided by the golden ratio.
    let [.., low, high] = folded.wrapping_mul(0x9e37_79b1).to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// Enough of them that hardly a group is full long before the others are, and few beside the entries of two buckets.
const MOST_OF_A_GROUP: u16 = 16;
