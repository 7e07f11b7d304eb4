//! A whole tracker: datagrams from several clients, one after another and in batches, while time passes and secrets rotate.

use std::collections::BTreeSet;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use chihaya::bittorrent::{Endpoint, Family, InfoHash};
use chihaya::clock::Now;
use chihaya::counters::Counters;
use chihaya::storage::conformance::{Expected, Model, Rules, Seconds};
use chihaya::storage::{Announce, Answer, Batch, Change, Reply, Role, SWEEPS_PER_PASS, Scrape, Want};
use chihaya::tracker::{Config, is_peer_address};
use chihaya::udp::{ConnectionIds, Handler, Round, Secret};
use chihaya::wire::udp::PROTOCOL_MAGIC;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tracker_client::udp;

use crate::handler::{BATCH, CLIENTS, Datagram, LIFETIME_SECONDS, Mail, tracker};
use crate::script::{Script, Step};

/// The input is a [`Script`]. What comes back is what BEP 15 says, from who was issued which id and from a model of the
/// store; the replies are read by the code of an independent client.
pub(crate) fn sequence(input: &[u8]) {
    let mut trial = Trial::new();
    let mut script = Script::new(input);
    while let Some(step) = script.next(&trial.shown) {
        match step {
            Step::Send { client, datagram } => trial.send(client, datagram),
            Step::Deliver => trial.deliver(),
            Step::Wait(seconds) => trial.wait(seconds),
            Step::Rotate => trial.rotate(),
        }
        if trial.mail.len() == BATCH {
            trial.deliver();
        }
    }
    trial.deliver();
}

/// A tracker, what should be in it, and what its clients know.
struct Trial {
    handler: Handler,
    connection_ids: Arc<ArcSwap<ConnectionIds>>,
    rng: SmallRng,
    model: Model,
    elapsed: Seconds,
    torrents: BTreeSet<InfoHash>,
    /// Who was issued which id, by the how manieth secret.
    issued: Vec<(IpAddr, u64, u64)>,
    secrets: u64,
    /// The id each client received last.
    shown: [u64; CLIENTS.len()],
    mail: Vec<Datagram>,
}

impl Trial {
    fn new() -> Self {
        let connection_ids = Arc::new(ArcSwap::from_pointee(ConnectionIds::new(Secret([0; 16]), GENERATIONS.into())));
        Self {
            handler: Handler::new(
                tracker(Config::default()),
                Arc::clone(&connection_ids),
                Arc::new(Counters::default()),
            ),
            connection_ids,
            rng: SmallRng::seed_from_u64(4),
            model: Model::new(Rules::memory(LIFETIME_SECONDS)),
            elapsed: 0,
            torrents: BTreeSet::new(),
            issued: Vec::new(),
            secrets: 0,
            shown: [0; CLIENTS.len()],
            mail: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        // Not far from the wrap of the store's clock, so that a long script passes over it.
        Now((u32::MAX - 5_000).wrapping_add(u32::try_from(self.elapsed).expect("a script is short")))
    }

    fn send(&mut self, client: usize, datagram: Vec<u8>) {
        self.mail.push(Datagram::new(CLIENTS[client].parse().expect("an address"), datagram));
    }

    /// Has the tracker answer all that is on its way, as one batch.
    fn deliver(&mut self) {
        let (mut mail, mut round) = (Mail(mem::take(&mut self.mail)), Round::default());
        self.handler.read(&mut mail, &mut round, &mut self.rng);
        let batch = mem::take(&mut round.batch);
        round.batch = self.ask(batch);
        self.handler.write(&mut mail, &round, &mut self.rng);
        mail.0.iter().for_each(|datagram| self.check(datagram));
        self.compare_totals();
    }

    fn ask(&self, batch: Batch) -> Batch {
        match self.handler.tracker().apply(self.now(), batch) {
            Answer::Ready(batch) => batch,
            Answer::Pending(_) => panic!("memory is never late"),
        }
    }

    fn rotate(&mut self) {
        self.deliver();
        self.secrets += 1;
        // No secret comes twice, however long the script.
        let secret = Secret(u128::from(self.secrets).to_be_bytes());
        let next = self.connection_ids.load().rotate(secret);
        self.connection_ids.store(Arc::new(next));
        self.issued.retain(|(_, _, secret)| self.secrets - *secret < GENERATIONS.into());
    }

    /// Time passes, and the store is swept once over.
    fn wait(&mut self, seconds: Seconds) {
        self.deliver();
        self.elapsed += seconds;
        for _ in 0..SWEEPS_PER_PASS {
            self.handler.tracker().storage().sweep(self.now());
            self.model.sweep(self.elapsed);
        }
        for torrent in self.torrents.clone() {
            if self.model.is_in_doubt(self.elapsed, torrent) {
                self.look(torrent);
            }
        }
        self.compare_totals();
    }

    /// Tells the model who of those that may be forgotten is there.
    fn look(&mut self, info_hash: InfoHash) {
        let change = Change::Unchanged { role: Role::Downloader };
        let want = Want { peers: u32::MAX, both_families: true };
        let mut batch = Batch::default();
        batch.push(Announce { info_hash, peer: Endpoint::new(NOBODY, 1), change, want });
        let batch = self.ask(batch);
        let Reply::Announce { counts, peers } = batch.entries[0].reply else { panic!("no answer") };
        let list = |family| Endpoint::list(family, batch.compact(peers[family]));
        let seen = Family::BOTH.into_iter().flat_map(list).collect();
        self.model.learn(self.elapsed, info_hash, &seen, counts.completed).expect("nobody is lost");
    }

    fn compare_totals(&self) {
        let (store, model) = (self.handler.tracker().storage().totals(), self.model.totals());
        assert_eq!((store.torrents, store.peers, store.seeders), (model.torrents, model.peers, model.seeders));
    }

    /// Compares a reply with what is due to the request.
    fn check(&mut self, datagram: &Datagram) {
        let Datagram { client, request, .. } = datagram;
        let ip = client.ip().to_canonical();
        let served = client.port() != 0 && is_peer_address(client.ip());
        let head = request.first_chunk::<16>().filter(|_| served);
        let Some(head) = head else { return assert!(datagram.reply().is_empty()) };
        let shown = u64::from_be_bytes(*head.first_chunk().expect("8 bytes"));
        let verified = self.issued.iter().any(|(network, id, _)| (*network, *id) == (network_of(ip), shown));
        match (&head[8..12], request.len()) {
            ([0, 0, 0, 0], _) if shown == PROTOCOL_MAGIC => self.check_connect(datagram),
            ([0, 0, 0, 1], 98..) if verified => self.check_announce(datagram),
            ([0, 0, 0, 2], _) if verified => self.check_scrape(datagram),
            _ => assert!(datagram.reply().is_empty(), "{:02x?} to {request:02x?}", datagram.reply()),
        }
    }

    fn check_connect(&mut self, datagram: &Datagram) {
        let udp::Reply::Connect { connection_id, .. } = read(datagram) else { panic!("no connect reply") };
        assert!(datagram.reply().len() <= datagram.request.len());
        self.issued.push((network_of(datagram.client.ip()), connection_id, self.secrets));
        let client =
            CLIENTS.iter().position(|client| client.parse() == Ok(datagram.client)).expect("it is one of them");
        self.shown[client] = connection_id;
    }

    fn check_announce(&mut self, datagram: &Datagram) {
        let reply = read(datagram);
        let Some(announce) = announced(datagram) else {
            return assert!(matches!(reply, udp::Reply::Error { .. }), "{reply:?}");
        };
        self.torrents.insert(announce.info_hash);
        let expected = self.model.apply(self.elapsed, &announce.into());
        let Expected::Announce { counts, on_offer, number } = expected else { panic!("an announce is none") };
        let udp::Reply::Announce { interval, leechers, seeders, peers, .. } = reply else { panic!("{reply:?}") };
        assert!((1_620..=1_980).contains(&interval), "{interval} s");
        assert_eq!((seeders, leechers), (counts.seeders, counts.leechers), "to {announce:?}");
        let family = announce.peer.family();
        let distinct: BTreeSet<_> = peers.iter().map(|peer| Endpoint::new(peer.ip(), peer.port())).collect();
        assert_eq!((peers.len(), distinct.len()), (number[family], number[family]), "to {announce:?}");
        assert!(distinct.is_subset(&on_offer[family]), "{peers:?} to {announce:?}");
    }

    fn check_scrape(&mut self, datagram: &Datagram) {
        let family = family_of(datagram);
        let hashes = datagram.request[16..].as_chunks::<20>().0.iter().take(MOST_TORRENTS);
        let counts = hashes.map(|hash| {
            let scrape = Scrape { info_hash: InfoHash(*hash), family };
            match self.model.apply(self.elapsed, &scrape.into()) {
                Expected::Scrape { counts } => (counts.seeders, counts.completed, counts.leechers),
                Expected::Announce { .. } => panic!("a scrape is none"),
            }
        });
        let counts: Vec<_> = counts.collect();
        let udp::Reply::Scrape { torrents, .. } = read(datagram) else { panic!("no scrape reply") };
        let told: Vec<_> =
            torrents.iter().map(|torrent| (torrent.seeders, torrent.completed, torrent.leechers)).collect();
        assert_eq!(told, counts);
    }
}

/// The reply, which must carry the request's transaction id and fit one packet.
fn read(datagram: &Datagram) -> udp::Reply {
    let family = tracker_client::Family::of(datagram.client.ip().to_canonical());
    let reply = udp::decode(datagram.reply(), family).expect("a reply is well formed");
    assert_eq!(&reply.transaction().to_be_bytes(), &datagram.request[12..16]);
    assert!(datagram.reply().len() <= if family == tracker_client::Family::V6 { 1_232 } else { 1_472 });
    reply
}

/// What an announce asks of the store, read off its bytes (BEP 15, "IPv4 announce request"); nothing where it is refused.
fn announced(datagram: &Datagram) -> Option<Announce> {
    let bytes = &datagram.request;
    let family = family_of(datagram);
    let word = |at: usize| u32::from_be_bytes(*bytes[at..].first_chunk().expect("it has 98 bytes"));
    let port = u16::from_be_bytes([bytes[96], bytes[97]]);
    let (left, event) = ((word(64), word(68)), word(80));
    let role = match (left, event) {
        ((0, 0), _) => Role::Seeder,
        (_, 4) => Role::PartialSeed,
        _ => Role::Downloader,
    };
    let most = if family == Family::V6 { 67 } else { 200 };
    let asked = i32::from_be_bytes(word(92).to_be_bytes());
    let wanted = u32::try_from(asked).unwrap_or(50).min(most);
    let (change, peers) = match event {
        3 => (Change::Absent, 0),
        _ => (Change::Present { role, completed: event == 1 }, wanted),
    };
    let announce = Announce {
        info_hash: InfoHash(*bytes[16..].first_chunk().expect("it has 98 bytes")),
        peer: Endpoint::new(datagram.client.ip(), port),
        change,
        want: Want { peers, both_families: false },
    };
    (port != 0 || event == 3).then_some(announce)
}

fn family_of(datagram: &Datagram) -> Family {
    Family::of(datagram.client.ip().to_canonical())
}

/// To whom a connection id belongs: an IPv4 address, or an IPv6 /64.
fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

/// Secrets whose ids are accepted.
const GENERATIONS: u8 = 3;

/// As many as a scrape is answered for.
const MOST_TORRENTS: usize = 74;
