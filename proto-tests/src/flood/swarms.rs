//! Who the ordinary clients are: several hundred swarms of one, two and five.

use std::net::Ipv4Addr;

/// A torrent of ordinary clients, whose peers are so many and of whom so many have everything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Swarm {
    pub(super) leechers: u32,
    pub(super) seeders: u32,
}

impl Swarm {
    /// All that are there from the beginning.
    pub(super) fn all() -> Vec<Self> {
        let alone = Self { leechers: 0, seeders: 1 };
        let five = Self { leechers: 3, seeders: 2 };
        [vec![alone; 100], vec![Self::PAIR; 150], vec![five; 50]].concat()
    }

    /// One who has something, and one who wants it.
    pub(super) const PAIR: Self = Self { leechers: 1, seeders: 1 };

    pub(super) fn peers(self) -> u32 {
        self.leechers + self.seeders
    }

    /// Peers that one of them is told of: seeders need no seeders.
    pub(super) fn offered(self, seeder: bool) -> u32 {
        if seeder { self.leechers } else { self.peers() - 1 }
    }
}

/// The info hash of an ordinary torrent.
pub(super) fn info_hash(torrent: usize) -> [u8; 20] {
    let mut hash = *b"an ordinary torrent!";
    hash[..4].copy_from_slice(&u32::try_from(torrent).expect("some hundreds").to_be_bytes());
    hash
}

/// Where a client is: each at an address of its own, behind 127.200.0.0.
pub(super) fn address(client: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 200, 0, 1)) + u32::try_from(client).expect("some thousands"))
}
