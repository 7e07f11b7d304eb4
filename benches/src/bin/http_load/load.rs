//! Peers that announce over and over, as fast as the tracker answers.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use chihaya_benches::swarms::{Swarms, ipv4};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracker_client::http::{announce_query, decode_announce};
use tracker_client::{Announce, Failure};

use crate::connection::Connection;

/// How peers announce.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// Peers to be told of.
    pub(crate) num_want: i32,
    /// Whether each announce has a connection of its own.
    pub(crate) close: bool,
}

impl Manner {
    /// The request of one of the peers.
    pub(crate) fn request(self, swarms: &Swarms, number: u32) -> Vec<u8> {
        let peer = swarms.peer(number);
        let announce = Announce::new(swarms.info_hash(peer.torrent), peer.port).left(u64::from(!peer.seeder));
        let query = announce_query(&announce.num_want(self.num_want));
        let connection = if self.close { "Connection: close\r\n" } else { "" };
        format!("GET /announce?{query}&compact=1 HTTP/1.1\r\nHost: tracker.example\r\n{connection}\r\n").into_bytes()
    }
}

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) replies: u64,
    pub(crate) body_bytes: u64,
    pub(crate) errors: u64,
}

impl Tally {
    fn read(&mut self, body: &[u8]) -> Result<(), Failure> {
        if body.starts_with(b"d14:failure reason") {
            return Err(Failure::Rejected { reason: body.escape_ascii().to_string(), retry_in: None });
        }
        self.replies += 1;
        self.body_bytes += body.len() as u64;
        Ok(())
    }
}

/// The load on one tracker: a client at each of the peers' addresses.
pub(crate) struct Load<'a> {
    tracker: SocketAddr,
    swarms: &'a Swarms,
    manner: Manner,
    clients: Vec<Client>,
}

impl<'a> Load<'a> {
    /// Composes what will be asked, so that composing costs nothing while the clock runs.
    pub(crate) fn new(tracker: SocketAddr, swarms: &'a Swarms, manner: Manner) -> Self {
        let mut rng = SmallRng::seed_from_u64(1);
        let clients = (0..swarms.clients()).map(|client| {
            let mut any = || swarms.peer_of(client, rng.random_range(0..swarms.peers_of(client)));
            let requests = (0..REQUESTS).map(|_| manner.request(swarms, any())).collect();
            Client { local: ipv4(client), requests, next: 0, connection: None, asking: false }
        });
        Self { tracker, swarms, manner, clients: clients.collect() }
    }

    /// Has every peer announce itself once, and reads each reply as strictly as a client can.
    pub(crate) fn fill(&mut self) -> Result<(), Failure> {
        let check = |body: &[u8]| decode_announce(body).map(drop);
        for number in 0..self.swarms.peers() {
            let client = &mut self.clients[(number % self.swarms.clients()) as usize];
            client.wait(check)?;
            client.ask(self.tracker, self.manner.close, &self.manner.request(self.swarms, number))?;
        }
        self.clients.iter_mut().try_for_each(|client| client.wait(check))
    }

    /// Announces for so long, on each connection as soon as the announce before has its reply.
    pub(crate) fn run(&mut self, duration: Duration) -> Tally {
        let mut tally = Tally::default();
        let end = Instant::now() + duration;
        while Instant::now() < end {
            for client in &mut self.clients {
                let idle = client.look(|body| tally.read(body));
                let asked =
                    idle.and_then(|idle| if idle { client.ask_next(self.tracker, self.manner.close) } else { Ok(()) });
                tally.errors += u64::from(asked.is_err());
            }
        }
        for client in &mut self.clients {
            let waited = client.wait(|body| tally.read(body));
            tally.errors += u64::from(waited.is_err());
            client.connection = None;
        }
        tally
    }
}

/// Everything that comes from one address.
struct Client {
    local: IpAddr,
    requests: Vec<Vec<u8>>,
    next: usize,
    connection: Option<Connection>,
    /// Whether a request is under way.
    asking: bool,
}

impl Client {
    fn ask_next(&mut self, tracker: SocketAddr, last: bool) -> Result<(), Failure> {
        let at = self.next;
        self.next = (at + 1) % self.requests.len();
        let request = mem::take(&mut self.requests[at]);
        let asked = self.ask(tracker, last, &request);
        self.requests[at] = request;
        asked
    }

    /// Sends a request, over a new connection where there is none.
    fn ask(&mut self, tracker: SocketAddr, last: bool, request: &[u8]) -> Result<(), Failure> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Connection::open(self.local, tracker, last)?),
        };
        self.asking = true;
        connection.ask(request)
    }

    /// Whether no request is under way any more; the body of a reply that has come is handed to `read`.
    fn look(&mut self, read: impl FnOnce(&[u8]) -> Result<(), Failure>) -> Result<bool, Failure> {
        let Some(connection) = self.connection.as_mut().filter(|_| self.asking) else { return Ok(true) };
        let read = match connection.reply() {
            Ok(None) => return Ok(false),
            Ok(Some(body)) => read(body),
            Err(failure) => Err(failure),
        };
        self.asking = false;
        if connection.is_last() || read.is_err() {
            self.connection = None;
        }
        read.map(|()| true)
    }

    /// Looks until no request is under way.
    fn wait(&mut self, mut read: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        let begun = Instant::now();
        while !self.look(&mut read)? {
            if begun.elapsed() > PATIENCE {
                return Err(Failure::Silence);
            }
        }
        Ok(())
    }
}

/// Requests composed for each connection, to be sent one after another and then again.
const REQUESTS: usize = 2_048;

/// Longer than any tracker takes that is to be measured.
const PATIENCE: Duration = Duration::from_secs(10);
