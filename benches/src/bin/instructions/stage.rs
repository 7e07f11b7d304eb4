//! A tracker with swarms of every form, and the next requests to it.

use std::mem;
use std::net::IpAddr;

use chihaya::bittorrent::{Announce, Counts, Family, InfoHash, PerFamily};
use chihaya::storage::memory::MemoryStorage;
use chihaya::storage::{self, Batch};
use chihaya::tracker::{Config, Live};
use chihaya::udp::{ConnectionIds, Secret};
use chihaya::wire::http::{AnnounceReply, PeerForm};
use chihaya::wire::udp::{ConnectionId, Request};
use chihaya_benches::micro::{
    Chosen, Crowd, Mail, Peer, START, World, apply, client, info_hash, send_connect, storage,
};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracker_client::udp::packet;

/// Everything a hot function works on.
pub(crate) struct Stage {
    pub(crate) announce_packet: Vec<u8>,
    pub(crate) connect_packet: [u8; 16],
    pub(crate) query: String,
    pub(crate) client: IpAddr,
    pub(crate) announce: Announce,
    pub(crate) connection_ids: ConnectionIds,
    pub(crate) connection_id: ConnectionId,
    pub(crate) live: Live,
    pub(crate) buffer: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) peers: Vec<u8>,
    pub(crate) storage: MemoryStorage,
    pub(crate) batch: Batch,
    pub(crate) world: World,
    pub(crate) mail: Mail,
    rng: SmallRng,
    random: Newcomers,
    chosen: Newcomers,
    /// Whose turn it is of these two.
    is_chosen: bool,
}

/// A store of its own, and the torrents that come to it one after another.
struct Newcomers {
    storage: MemoryStorage,
    info_hashes: Box<dyn Iterator<Item = InfoHash>>,
}

impl Newcomers {
    fn new(info_hashes: impl Iterator<Item = InfoHash> + 'static) -> Self {
        Self { storage: storage(), info_hashes: Box::new(info_hashes) }
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let announce_packet = packet::announce(1, 2, &tracker_client::Announce::new(info_hash(3).0, 4_000), &[]);
        let client = client(Family::V4, 5).0;
        let connection_ids = ConnectionIds::new(Secret([1; 16]), 3);
        Self {
            announce: parse(&announce_packet, client),
            announce_packet,
            connect_packet: packet::connect(1),
            query: QUERY.into(),
            client,
            connection_id: connection_ids.issue(client),
            connection_ids,
            live: Live::new(Config::default()),
            buffer: vec![0; 2_048],
            body: Vec::with_capacity(2_048),
            peers: (0..50_u8).flat_map(|peer| [20, 1, 2, peer, 0x1a, 0xe1]).collect(),
            storage: filled(),
            batch: Batch::default(),
            world: World::new(filled()),
            mail: Mail::new(BATCH),
            rng: SmallRng::seed_from_u64(1),
            random: Newcomers::new(Chosen::Random.info_hashes()),
            chosen: Newcomers::new(every_choice()),
            is_chosen: false,
        }
    }

    /// Puts renewals of random peers in swarms of one size into the batch.
    pub(crate) fn renewals(&mut self, family: Family, size: u32, want: u32) {
        self.batch.clear();
        self.batch.seed = self.rng.random();
        for _ in 0..BATCH {
            let announce = self.renewal(family, size, want);
            self.batch.push(announce);
        }
    }

    /// Has half as many peers leave and come back at once.
    pub(crate) fn returns(&mut self, family: Family, size: u32) {
        self.batch.clear();
        self.batch.seed = self.rng.random();
        for _ in 0..BATCH / 2 {
            let announce = self.renewal(family, size, 0);
            self.batch.push(storage::Announce { change: storage::Change::Absent, ..announce });
            self.batch.push(announce);
        }
    }

    fn renewal(&mut self, family: Family, size: u32, want: u32) -> storage::Announce {
        let number = self.rng.random_range(0..PEERS);
        crowd(family, want).present(peer(family, size, number))
    }

    /// Has new torrents of one peer come, whose info hashes are random or chosen.
    pub(crate) fn newcomers(&mut self, chosen: bool) {
        self.is_chosen = chosen;
        self.batch.clear();
        let info_hashes = if chosen { &mut self.chosen.info_hashes } else { &mut self.random.info_hashes };
        for (number, info_hash) in (0..).zip(info_hashes.take(BATCH)) {
            let announce = crowd(Family::V4, 0).present(peer(Family::V4, 1, number));
            self.batch.push(storage::Announce { info_hash, ..announce });
        }
    }

    /// Has their own store answer those.
    pub(crate) fn apply_newcomers(&mut self) {
        let newcomers = if self.is_chosen { &self.chosen } else { &self.random };
        self.batch = apply(&newcomers.storage, START, mem::take(&mut self.batch));
    }

    /// Has the store answer the batch.
    pub(crate) fn apply(&mut self) {
        self.batch = apply(&self.storage, START, mem::take(&mut self.batch));
    }

    /// Puts a datagram for each renewal, or a connect of its peer, into the mail.
    pub(crate) fn mail(&mut self, family: Family, announces: bool) {
        self.mail.clear();
        for _ in 0..BATCH {
            let announce = self.renewal(family, 100, 50);
            if announces { self.world.send(&mut self.mail, &announce) } else { send_connect(&mut self.mail, &announce) }
        }
    }

    /// An HTTP reply with fifty peers.
    pub(crate) fn reply(&self) -> AnnounceReply<'_> {
        AnnounceReply {
            counts: Counts { seeders: 1_234, leechers: 567, downloaders: 560, completed: 89_012 },
            requester: self.client,
            interval_seconds: 1_800,
            min_interval_seconds: 900,
            peers: PerFamily { v4: &self.peers, v6: &[] },
            peer_form: PeerForm::Compact,
        }
    }
}

/// Some of every kind that can be chosen.
fn every_choice() -> impl Iterator<Item = InfoHash> {
    let mut choices = Chosen::ALL.map(|chosen| chosen.info_hashes());
    (0..).map(move |number: usize| choices[number % Chosen::ALL.len()].next().expect("they are far more"))
}

/// Reads an announce that is one.
pub(crate) fn parse(packet: &[u8], client: IpAddr) -> Announce {
    match Request::parse(packet) {
        Ok(Request::Announce { packet, .. }) => packet.announce(client),
        other => unreachable!("{other:?}"),
    }
}

fn filled() -> MemoryStorage {
    let storage = storage();
    for family in Family::BOTH {
        for size in SIZES {
            for number in 0..PEERS {
                let mut batch = Batch::default();
                batch.push(crowd(family, 0).present(peer(family, size, number)));
                apply(&storage, START, batch);
            }
        }
    }
    storage
}

fn crowd(family: Family, want: u32) -> Crowd {
    Crowd { family, want, seeders_percent: 50 }
}

/// One of the peers in swarms of this size, which have no peers of the other family.
fn peer(family: Family, size: u32, number: u32) -> Peer {
    let first = size * PEERS;
    Peer { torrent: 2 * (first + number / size) + u32::from(family == Family::V6), number: first + number }
}

/// Requests of a batch.
pub(crate) const BATCH: usize = 64;

/// Swarms of every form the store has, the last of which is large.
const SIZES: [u32; 4] = [1, 10, 100, 2_000];

/// Peers in the swarms of each size, each family its own.
const PEERS: u32 = 4_000;

/// What a client asks over HTTP.
const QUERY: &str = "info_hash=%12%34Vx%9a%bc%de%f1%23Eg%89%ab%cd%ef%124Vx%9a&peer_id=-TC0001-abcdefghijkl&port=6881&\
                     uploaded=0&downloaded=0&left=1234567&corrupt=0&key=A1B2C3D4&event=started&numwant=50&compact=1&\
                     no_peer_id=1&supportcrypto=1&redundant=0";
