//! Millions of peers in torrents, each derived from its number: the same seed fills any server with the same.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Result, ensure};
use clap::Args;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::arguments::{decimal, whole};
use crate::distribution::Distribution;

/// Who is in which torrent. Peers are numbers from 0, torrents too; each peer belongs to one of the clients'
/// addresses.
pub struct Swarms {
    seed: u64,
    clients: u32,
    seeders: f64,
    /// The first peer of each torrent; and, behind the last one's, the number of peers.
    starts: Vec<u32>,
    /// The torrent of each peer.
    torrents: Vec<u32>,
}

/// What the peers of all torrents are made from.
#[derive(Args, Clone, Copy, Debug)]
pub struct Plan {
    /// How they choose torrents: zipf:N (exponent 1.0) and uniform:N draw from N, of which some stay empty; even:N deals
    /// them out
    #[arg(long = "torrents", value_name = "KIND:N", default_value = "zipf:2150000")]
    pub distribution: Distribution,
    /// Peers in all
    #[arg(long, value_name = "N", default_value = "2000000", value_parser = whole(1..=u32::MAX))]
    pub peers: u32,
    /// The share of seeders in each torrent, 0 to 1
    #[arg(long, value_name = "SHARE", default_value = "0.5", value_parser = decimal(0.0..=1.0))]
    pub seeders: f64,
    /// Addresses the peers come from, 1 to 65536; a torrent has at most 65535 peers at each
    #[arg(long = "addresses", value_name = "N", default_value = "64", value_parser = whole(1..=MAX_CLIENTS))]
    pub clients: u32,
    /// Another number, another fill
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole(0..=u64::MAX))]
    pub seed: u64,
}

/// One peer of one torrent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Its torrent.
    pub torrent: u32,
    /// The port it announces; no other peer of its torrent has the same address and port.
    pub port: u16,
    /// Whether it lacks nothing.
    pub seeder: bool,
    /// The peers there are for it, itself never among them: leechers for a seeder, all for a leecher.
    pub others: u32,
}

impl Swarms {
    /// Deals out the peers.
    ///
    /// # Errors
    ///
    /// If an address has no peer, or a torrent has more peers than there are ports at all addresses: in words for whoever
    /// wrote the command line.
    pub fn new(plan: &Plan) -> Result<Self> {
        let Plan { peers, clients, .. } = *plan;
        ensure!(peers >= clients, "--peers {peers}: must not be fewer than --addresses, which are {clients}");
        let sizes = plan.distribution.sizes(peers, &mut SmallRng::seed_from_u64(plan.seed));
        let largest = sizes.iter().max().copied().unwrap_or_default();
        let needed = largest.div_ceil(PORTS);
        ensure!(clients >= needed, "--addresses {clients}: a torrent of {largest} peers needs {needed} at least");
        let mut starts = Vec::with_capacity(sizes.len() + 1);
        let mut torrents = Vec::with_capacity(plan.peers as usize);
        for (torrent, &size) in (0..).zip(&sizes) {
            starts.push(u32::try_from(torrents.len()).expect("peers are counted in u32"));
            torrents.extend((0..size).map(|_| torrent));
        }
        starts.push(plan.peers);
        Ok(Self { seed: plan.seed, clients: plan.clients, seeders: plan.seeders, starts, torrents })
    }

    /// How many peers there are.
    pub fn peers(&self) -> u32 {
        *self.starts.last().expect("the number of peers is behind all starts")
    }

    /// How many torrents they are in.
    pub fn torrents(&self) -> u32 {
        u32::try_from(self.starts.len() - 1).expect("torrents are counted in u32")
    }

    /// How many addresses the peers have.
    pub fn clients(&self) -> u32 {
        self.clients
    }

    /// Peers at one of the addresses.
    pub fn peers_of(&self, client: u32) -> u32 {
        self.peers() / self.clients + u32::from(client < self.peers() % self.clients)
    }

    /// The `index`th of the peers at one of the addresses: every `clients`th.
    pub fn peer_of(&self, client: u32, index: u32) -> u32 {
        index * self.clients + client
    }

    /// The peer of this number.
    pub fn peer(&self, number: u32) -> Peer {
        let torrent = self.torrents[number as usize];
        let size = self.size(torrent);
        let place = number - self.starts[torrent as usize];
        let seeders = self.seeders(torrent);
        let seeder = place < seeders;
        // Those at one address are `clients` places apart.
        let port = (self.random(torrent, PORT) + u64::from(place / self.clients)) % u64::from(PORTS) + 1;
        let port = u16::try_from(port).expect("a remainder of 65,535, plus 1");
        Peer { torrent, port, seeder, others: if seeder { size - seeders } else { size - 1 } }
    }

    /// The info hash of a torrent: random to look at, so that no tracker's table is favoured.
    pub fn info_hash(&self, torrent: u32) -> [u8; 20] {
        let mut info_hash = [0; 20];
        for (part, salt) in info_hash.chunks_mut(8).zip(INFO_HASH) {
            part.copy_from_slice(&self.random(torrent, salt).to_be_bytes()[..part.len()]);
        }
        info_hash
    }

    /// Peers of a torrent.
    pub fn size(&self, torrent: u32) -> u32 {
        self.starts[torrent as usize + 1] - self.starts[torrent as usize]
    }

    /// Seeders of a torrent: their share of it, rounded up or down at random, so that torrents of one peer have
    /// theirs too.
    pub fn seeders(&self, torrent: u32) -> u32 {
        let size = self.size(torrent);
        let chance = f64::from(u32::try_from(self.random(torrent, SEEDERS) >> 32).expect("half of 64 bits"));
        let seeders = f64::from(size) * self.seeders + chance / (f64::from(u32::MAX) + 1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the torrent's size")]
        let seeders = seeders as u32;
        seeders.min(size)
    }

    /// Writes one info hash a line, in hexadecimal digits: the list that a tracker wants which serves nothing else.
    ///
    /// # Errors
    ///
    /// What the system reports of the file.
    pub fn write_hashes(&self, path: &str) -> io::Result<()> {
        let mut file = BufWriter::new(File::create(path)?);
        for torrent in 0..self.torrents() {
            for byte in self.info_hash(torrent) {
                write!(file, "{byte:02x}")?;
            }
            writeln!(file)?;
        }
        file.flush()
    }

    fn random(&self, torrent: u32, salt: u64) -> u64 {
        scatter(scatter(self.seed ^ salt << 32) ^ u64::from(torrent))
    }
}

/// The address of a client of the loopback network, 127.0.0.0/8: scattered over it, each client another one.
pub fn ipv4(client: u32) -> IpAddr {
    let [_, a, b, c] = ((client + 1).wrapping_mul(SCATTER) & 0xff_ffff).to_be_bytes();
    Ipv4Addr::new(127, a, b, c).into()
}

/// The address of a client in 2001:db8::/32, the network of documentation: each in a /64 of its own.
pub fn ipv6(client: u32) -> IpAddr {
    let network = u128::from((client + 1).wrapping_mul(SCATTER)) << 64;
    let interface = u128::from(scatter(client.into()));
    Ipv6Addr::from_bits(0x2001_0db8 << 96 | network | interface).into()
}

/// The bits of `number` spread over the whole word; another number gives another one (the finalizer of SplitMix64).
pub fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Addresses that are known to differ, and to be fit for a client.
const MAX_CLIENTS: u32 = 1 << 16;

/// Ports a peer can announce: all but 0.
const PORTS: u32 = 65_535;

/// Odd, so that another client has another product.
const SCATTER: u32 = 0x9e37_79b1;

/// Salts, so that what is random of one torrent is independent.
const INFO_HASH: [u64; 3] = [1, 2, 3];
const SEEDERS: u64 = 4;
const PORT: u64 = 5;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn swarms(distribution: &str, peers: u32, seeders: f64, clients: u32) -> Swarms {
        let distribution = distribution.parse().unwrap();
        Swarms::new(&Plan { distribution, peers, seeders, clients, seed: 1 }).unwrap()
    }

    #[test]
    fn every_peer_belongs_to_one_address_and_has_an_endpoint_of_its_own_in_its_torrent() {
        let swarms = swarms("zipf:100", 10_001, 0.3, 7);
        let mut numbers = HashSet::new();
        let mut endpoints = HashSet::new();
        for client in 0..swarms.clients() {
            for index in 0..swarms.peers_of(client) {
                let number = swarms.peer_of(client, index);
                let peer = swarms.peer(number);
                assert!(numbers.insert(number) && endpoints.insert((peer.torrent, client, peer.port)));
            }
        }
        assert_eq!((numbers.len(), numbers.iter().max()), (10_001, Some(&10_000)));
    }

    #[test]
    fn a_torrent_may_use_up_the_ports_of_its_addresses() {
        let swarms = swarms("even:1", 2 * PORTS, 0.5, 2);
        let endpoints: HashSet<_> = (0..swarms.peers()).map(|number| (number % 2, swarms.peer(number).port)).collect();
        assert_eq!(endpoints.len(), 2 * 65_535);
        let one_too_many =
            Plan { distribution: Distribution::Even(1), peers: 131_071, seeders: 0.5, clients: 2, seed: 1 };
        assert!(Swarms::new(&one_too_many).is_err());
    }

    /// BEP 15 and BEP 21: a seeder has no use for another one.
    #[test]
    fn seeders_are_offered_leechers_and_leechers_everyone_else() {
        let swarms = swarms("even:1", 10, 0.3, 1);
        let others: Vec<_> = (0..10).map(|number| swarms.peer(number).others).collect();
        assert_eq!(others, [7, 7, 7, 9, 9, 9, 9, 9, 9, 9]);
        assert_eq!((0..10).filter(|&number| swarms.peer(number).seeder).count(), 3);
    }

    #[test]
    fn torrents_of_one_peer_have_their_share_of_seeders() {
        let swarms = swarms("even:10000", 10_000, 0.3, 4);
        let seeders: u32 = (0..10_000).map(|torrent| swarms.seeders(torrent)).sum();
        assert!((2_800..3_200).contains(&seeders), "{seeders}");
        assert!((0..10_000).all(|number| swarms.peer(number).others == 0));
    }

    #[test]
    fn all_or_none_may_be_seeders() {
        for (share, expected) in [(0.0, 0), (1.0, 100)] {
            let swarms = swarms("even:9", 100, share, 1);
            assert_eq!((0..9).map(|torrent| swarms.seeders(torrent)).sum::<u32>(), expected);
        }
    }

    #[test]
    fn info_hashes_and_addresses_differ_and_follow_from_the_seed() {
        let one = swarms("even:1000", 1_000, 0.5, 1);
        let same = swarms("even:1000", 1_000, 0.5, 1);
        let hashes: HashSet<_> = (0..1_000).map(|torrent| one.info_hash(torrent)).collect();
        assert_eq!(hashes.len(), 1_000);
        assert_eq!(one.info_hash(7), same.info_hash(7));
        for address in [ipv4, ipv6] {
            let addresses: HashSet<_> = (0..MAX_CLIENTS).map(address).collect();
            assert_eq!(addresses.len(), 65_536);
            assert!(!addresses.contains(&IpAddr::from([127, 0, 0, 0])));
            assert!(!addresses.contains(&IpAddr::from([127, 255, 255, 255])));
        }
    }
}
