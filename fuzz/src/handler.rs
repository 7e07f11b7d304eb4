//! Whole batches of datagrams through the UDP handler and a store, as if from several clients.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chihaya::clock::{Clock, Now};
use chihaya::counters::Counters;
use chihaya::storage::{Answer, Drivers, Environment, Settings};
use chihaya::tracker::{self, Live, Tracker};
use chihaya::udp::{ConnectionIds, Datagrams, Handler, REPLY_LENGTH, Round, Secret};
use chihaya::wire::udp::{ConnectionId, PROTOCOL_MAGIC};
use rand::SeedableRng;
use rand::rngs::SmallRng;

/// Datagrams come in pieces of the input: a byte for the [`Piece`]'s client and id, a byte for its length, its bytes.
///
/// Who shows no valid id gets a connect reply of 16 bytes or nothing, and exactly as the bytes say; all replies carry
/// the request's transaction id and fit one packet of the client's family.
pub(crate) fn batch(input: &[u8]) {
    let ids = ConnectionIds::new(Secret([2; 16]), 3);
    let mut mail = Mail(pieces(input).map(|piece| piece.datagram(&ids)).collect());
    let mut rng = SmallRng::seed_from_u64(3);
    let tracker = tracker(tracker::Config::default());
    let handler = Handler::new(tracker, Arc::new(ArcSwap::from_pointee(ids.clone())), Arc::new(Counters::default()));
    let mut round = Round::default();
    handler.read(&mut mail, &mut round, &mut rng);
    match handler.tracker().apply(Now(1_000), mem::take(&mut round.batch)) {
        Answer::Ready(batch) => round.batch = batch,
        Answer::Pending(_) => panic!("memory is never late"),
    }
    handler.write(&mut mail, &round, &mut rng);
    mail.0.iter().for_each(|datagram| datagram.check(&ids));
}

/// One datagram as the input spells it.
struct Piece<'a> {
    client: SocketAddr,
    /// Whether the client's own id takes the place of the first 8 bytes.
    verified: bool,
    bytes: &'a [u8],
}

fn pieces(input: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = input;
    let next = move || {
        let (&[head, length], behind) = rest.split_first_chunk()?;
        let (bytes, behind) = behind.split_at(behind.len().min(length.into()));
        rest = behind;
        let client = CLIENTS[usize::from(head) % CLIENTS.len()].parse().expect("an address");
        Some(Piece { client, verified: head & 0x80 != 0, bytes })
    };
    std::iter::from_fn(next).take(BATCH)
}

impl Piece<'_> {
    fn datagram(&self, ids: &ConnectionIds) -> Datagram {
        let mut request = self.bytes.to_vec();
        if let (true, Some(id)) = (self.verified, request.first_chunk_mut()) {
            *id = ids.issue(self.client.ip()).0.get().to_be_bytes();
        }
        Datagram::new(self.client, request)
    }
}

/// A request, and the buffer that its reply takes over.
pub(crate) struct Datagram {
    pub(crate) client: SocketAddr,
    pub(crate) request: Vec<u8>,
    buffer: Vec<u8>,
    reply: usize,
}

impl Datagram {
    pub(crate) fn new(client: SocketAddr, request: Vec<u8>) -> Self {
        let mut buffer = request.clone();
        buffer.resize(REPLY_LENGTH.max(request.len()), 0xff);
        Self { client, request, buffer, reply: 0 }
    }

    /// What is sent back; nothing is silence.
    pub(crate) fn reply(&self) -> &[u8] {
        &self.buffer[..self.reply]
    }

    fn check(&self, ids: &ConnectionIds) {
        let (request, reply) = (&self.request, self.reply());
        let Some((&head, _)) = request.split_first_chunk::<16>() else { return assert!(reply.is_empty()) };
        let (id, action, transaction) = (&head[..8], &head[8..12], &head[12..]);
        let id = u64::from_be_bytes(id.try_into().expect("8 bytes"));
        let served = self.client.port() != 0 && tracker::is_peer_address(self.client.ip());
        let verified = ids.accept(self.client.ip(), ConnectionId(id.into()));
        let due = match action {
            _ if !served => None,
            [0, 0, 0, 0] => (id == PROTOCOL_MAGIC).then_some(16..=16),
            [0, 0, 0, 1] if verified && request.len() >= 98 => Some(10..=most(self.client.ip())),
            [0, 0, 0, 2] if verified => {
                let length = 8 + 12 * ((request.len() - 16) / 20).min(74);
                Some(length..=length)
            }
            _ => None,
        };
        let Some(due) = due else { return assert!(reply.is_empty(), "{reply:02x?} to {request:02x?}") };
        assert!(due.contains(&reply.len()), "{} bytes to {request:02x?}, not {due:?}", reply.len());
        assert_eq!(&reply[4..8], transaction);
    }
}

fn most(client: IpAddr) -> usize {
    if client.to_canonical().is_ipv6() { 1_232 } else { REPLY_LENGTH }
}

/// A batch of datagrams in memory.
pub(crate) struct Mail(pub(crate) Vec<Datagram>);

impl Datagrams for Mail {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn request(&self, index: usize) -> (&[u8], SocketAddr) {
        let Datagram { buffer, request, client, .. } = &self.0[index];
        (&buffer[..request.len()], *client)
    }

    fn buffer(&mut self, index: usize) -> &mut [u8] {
        &mut self.0[index].buffer
    }

    fn reply(&mut self, index: usize, length: usize) {
        self.0[index].reply = length;
    }
}

/// A tracker over an empty store in memory.
pub(crate) fn tracker(config: tracker::Config) -> Arc<Tracker> {
    let environment = Environment::new(Duration::from_secs(LIFETIME_SECONDS), [1; 16], Clock::start());
    let settings = Settings([("shards".to_owned(), 1.into())].into_iter().collect());
    let drivers = Drivers::builtin();
    let memory = drivers.find("memory").expect("it is built in");
    let storage = memory.open(&settings, environment).expect("memory opens");
    Arc::new(Tracker::new(storage, Live::new(config)))
}

/// Of both families, two of them in one /64; and two that are nobody's.
pub(crate) const CLIENTS: [&str; 7] = [
    "192.0.2.1:5000",
    "192.0.2.2:5000",
    "[2001:db8::1]:5000",
    "[2001:db8::2]:5000",
    "[2001:db8:0:1::1]:5000",
    "192.0.2.1:0",
    "224.0.0.1:5000",
];

/// How long peers are kept.
pub(crate) const LIFETIME_SECONDS: u64 = 3_000;

/// As many as a worker receives at once.
pub(crate) const BATCH: usize = 64;
