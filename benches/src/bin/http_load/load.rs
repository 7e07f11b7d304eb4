//! Peers that announce over and over, as fast as the tracker answers.

use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracker_client::http::{announce_query, decode_announce};
use tracker_client::{Announce, Failure};

use crate::connection::Connection;

/// Who announces, and how.
pub(crate) struct Swarms {
    pub(crate) torrents: u32,
    /// In each torrent, a tenth of them seeders.
    pub(crate) peers: usize,
    /// Peers to be told of.
    pub(crate) num_want: i32,
    /// Connections at once, each from an address of its own.
    pub(crate) connections: u8,
    /// Whether each announce has a connection of its own.
    pub(crate) close: bool,
}

impl Default for Swarms {
    fn default() -> Self {
        Self { torrents: 5_000, peers: 50, num_want: 30, connections: 50, close: false }
    }
}

impl Swarms {
    /// All info hashes, one to a line.
    pub(crate) fn whitelist(&self) -> String {
        let digits = |byte: u8| format!("{byte:02x}");
        let line = |torrent| info_hash(torrent).map(digits).concat() + "\n";
        (0..self.torrents).map(line).collect()
    }

    /// The announce of any peer of one address.
    fn random_request(&self, address: u8, rng: &mut SmallRng) -> Vec<u8> {
        let (address, connections) = (usize::from(address), usize::from(self.connections));
        let peers = self.peers.saturating_sub(address).div_ceil(connections).max(1);
        self.request(rng.random_range(0..self.torrents), address + connections * rng.random_range(0..peers))
    }

    /// The `number`th peer's announce in a torrent. Peers go round the addresses; those of one address differ in the port.
    fn request(&self, torrent: u32, number: usize) -> Vec<u8> {
        let round = number / usize::from(self.connections);
        let port = FIRST_PORT + u16::try_from(round).expect("an address has no more ports");
        let left = u64::from(number % 10 != 0);
        let announce = Announce::new(info_hash(torrent), port).left(left).num_want(self.num_want);
        let query = announce_query(&announce);
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

/// The load on one tracker.
pub(crate) struct Load<'a> {
    tracker: SocketAddr,
    swarms: &'a Swarms,
    clients: Vec<Client>,
}

impl<'a> Load<'a> {
    /// Composes what will be asked, so that composing costs nothing while the clock runs.
    pub(crate) fn new(tracker: SocketAddr, swarms: &'a Swarms) -> Self {
        let mut rng = SmallRng::seed_from_u64(1);
        let clients = (0..swarms.connections).map(|index| Client {
            local: IpAddr::from([127, 0, 1, index + 1]),
            requests: (0..REQUESTS).map(|_| swarms.random_request(index, &mut rng)).collect(),
            next: 0,
            connection: None,
            asking: false,
        });
        Self { tracker, swarms, clients: clients.collect() }
    }

    /// Has every peer announce itself once, and reads each reply as strictly as a client can.
    pub(crate) fn fill(&mut self) -> Result<(), Failure> {
        let check = |body: &[u8]| decode_announce(body).map(drop);
        let connections = usize::from(self.swarms.connections);
        for torrent in 0..self.swarms.torrents {
            for peer in 0..self.swarms.peers {
                let client = &mut self.clients[peer % connections];
                client.wait(check)?;
                client.ask(self.tracker, self.swarms.close, &self.swarms.request(torrent, peer))?;
            }
        }
        self.clients.iter_mut().try_for_each(|client| client.wait(check))
    }

    /// Announces for so long, on each connection as soon as the announce before has its reply.
    pub(crate) fn run(&mut self, duration: Duration) -> Tally {
        let mut tally = Tally::default();
        let end = Instant::now() + duration;
        while Instant::now() < end {
            for client in &mut self.clients {
                match client.look(|body| tally.read(body)) {
                    Ok(true) => {
                        let asked = client.ask_next(self.tracker, self.swarms.close);
                        tally.errors += u64::from(asked.is_err());
                    }
                    Ok(false) => {}
                    Err(_) => tally.errors += 1,
                }
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

/// Any 20 bytes, always the same: trackers find a torrent by them, so they must differ everywhere.
fn info_hash(torrent: u32) -> [u8; 20] {
    SmallRng::seed_from_u64(torrent.into()).random()
}

/// Requests composed for each connection, to be sent one after another and then again.
const REQUESTS: usize = 2_048;

const FIRST_PORT: u16 = 1_024;

/// Longer than any tracker takes that is to be measured.
const PATIENCE: Duration = Duration::from_secs(10);
