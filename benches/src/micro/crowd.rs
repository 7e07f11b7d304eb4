//! Peers by number: where they are, what they share, and what they announce.

use std::f64::consts::LN_2;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chihaya::bittorrent::{Endpoint, Family, InfoHash};
use chihaya::storage::{Announce, Change, Role, Want};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// A peer of one torrent. Its address follows from its number, below 2^24.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// The torrent's number.
    pub torrent: u32,
    /// Its own.
    pub number: u32,
}

/// What all peers of a benchmark have in common.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Where they are.
    pub family: Family,
    /// Peers each would like.
    pub want: u32,
    /// How many of a hundred are seeders.
    pub seeders_percent: u32,
}

impl Crowd {
    /// What the peer announces for as long as it is there.
    pub fn present(&self, peer: Peer) -> Announce {
        let seeder = mix(peer.number) % 100 < u64::from(self.seeders_percent);
        let role = if seeder { Role::Seeder } else { Role::Downloader };
        self.announce(peer, Change::Present { role, completed: false }, self.want)
    }

    /// What it announces when it leaves.
    pub fn stopped(&self, peer: Peer) -> Announce {
        self.announce(peer, Change::Absent, 0)
    }

    fn announce(&self, peer: Peer, change: Change, peers: u32) -> Announce {
        let (address, port) = client(self.family, peer.number);
        let want = Want { peers, both_families: false };
        Announce { info_hash: info_hash(peer.torrent), peer: Endpoint::new(address, port), change, want }
    }
}

/// How peers are spread over torrents.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Each peer draws its torrent among so many, the first most likely, the n-th 1/n times as likely (Zipf's law).
    Zipf {
        /// All of them.
        peers: u32,
        /// The torrents to draw from, most of which nobody draws where they are many.
        ids: u32,
    },
    /// Swarms of one size.
    Even {
        /// All of them.
        peers: u32,
        /// The torrents they fill.
        torrents: u32,
    },
}

impl Shape {
    /// 2 million peers, in 430,000 torrents.
    pub const MEDIUM: Self = Self::Zipf { peers: 2_000_000, ids: 2_200_000 };

    /// 4 million peers, in 510,000 torrents.
    pub const DENSE: Self = Self::Zipf { peers: 4_000_000, ids: 1_000_000 };

    /// 10 million peers, in 3 million torrents.
    pub const LARGE: Self = Self::Zipf { peers: 10_000_000, ids: 100_000_000 };

    /// The same in small.
    #[must_use]
    pub fn divided(self, divisor: u32) -> Self {
        match self {
            Self::Zipf { peers, ids } => Self::Zipf { peers: peers / divisor, ids: ids / divisor },
            Self::Even { peers, torrents } => {
                Self::Even { peers: peers / divisor, torrents: torrents.div_ceil(divisor) }
            }
        }
    }

    /// All its peers, in the order in which they come; swarms of one size grow side by side.
    pub fn peers(self) -> impl Iterator<Item = Peer> {
        let mut rng = SmallRng::seed_from_u64(1);
        let (Self::Zipf { peers, .. } | Self::Even { peers, .. }) = self;
        (0..peers).map(move |number| {
            let torrent = match self {
                Self::Zipf { ids, .. } => zipf(ids, &mut rng),
                Self::Even { torrents, .. } => number % torrents,
            };
            Peer { torrent, number }
        })
    }
}

/// Draws one of `ids` torrents by Zipf's law with the exponent 1.
fn zipf(ids: u32, rng: &mut SmallRng) -> u32 {
    let logarithm = f64::from(ids).ln_1p();
    loop {
        // The n-th place is hit in proportion to ln(1 + 1/n), at most 1 / ln 2 times less than the 1/n it is due.
        let place = (rng.random::<f64>() * logarithm).exp().floor();
        if rng.random::<f64>() * place * place.recip().ln_1p() < LN_2 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to `ids`")]
            return (place as u32 - 1).min(ids - 1);
        }
    }
}

/// The torrent's name.
pub fn info_hash(torrent: u32) -> InfoHash {
    let mut bytes = [0; 24];
    for (number, place) in (1_u32..).zip(bytes.as_chunks_mut::<8>().0) {
        *place = mix(torrent ^ number << 30).to_ne_bytes();
    }
    let mut info_hash = [0; 20];
    info_hash.copy_from_slice(&bytes[..20]);
    InfoHash(info_hash)
}

/// Where the peer of this number is: in a network of its own, at an address that no other number has.
pub fn client(family: Family, number: u32) -> (IpAddr, u16) {
    assert!(number < 1 << 24, "24 bits of an IPv4 address tell peers apart");
    let [port_high, port_low, network, net @ .., _] = mix(number).to_be_bytes();
    let port = u16::from_be_bytes([port_high | 0x80, port_low]);
    let [_, b, c, d] = (number.wrapping_mul(0x9e_37_79) & 0xff_ff_ff).to_be_bytes();
    let address = match family {
        // Networks 20 to 119: none of them is one that no peer can have.
        Family::V4 => Ipv4Addr::new(20 + network % 100, b, c, d).into(),
        Family::V6 => {
            let [e, f, g, h] = net;
            Ipv6Addr::from([0x2a, network, e, f, g, h, 0, d, b, c, d, 0xff, 0xfe, h, g, f]).into()
        }
    };
    (address, port)
}

/// A number that looks random and is not: the finaliser of SplitMix64.
fn mix(number: u32) -> u64 {
    let mut mixed = u64::from(number).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_peers_are_at_one_address() {
        for family in Family::BOTH {
            let addresses: HashSet<_> = (0..100_000).map(|number| client(family, number).0).collect();
            assert_eq!(addresses.len(), 100_000);
        }
    }

    #[test]
    fn torrents_have_different_names() {
        let names: HashSet<_> = (0..100_000).map(|torrent| info_hash(torrent).0).collect();
        assert_eq!(names.len(), 100_000);
    }

    #[test]
    fn the_second_torrent_of_zipf_has_half_the_peers_of_the_first() {
        let mut sizes = [0_u32; 1_000];
        Shape::Zipf { peers: 748_547, ids: 1_000 }.peers().for_each(|peer| sizes[peer.torrent as usize] += 1);
        // The sum of 1/n up to 1,000 is 7.48547.
        for (place, expected) in [(1, 100_000_u32), (2, 50_000), (3, 33_333), (10, 10_000), (100, 1_000)] {
            let size = sizes[place - 1];
            assert!(size.abs_diff(expected) < expected / 8, "{place}: {size} of {expected}");
        }
    }
}
