//! A tracker over UDP (BEP 15).

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use crate::{Announce, Announced, Failure, Family, Malformed, Scraped};

pub mod packet;
mod reply;

pub use reply::{Envelope, Reply, decode};

/// How long after its arrival a client may use a connection id (BEP 15, "UDP connections / spoofing").
const CONNECTION_ID_LIFETIME: Duration = Duration::from_secs(60);

/// How long [`Client::silence`] listens once the tracker has answered what was sent later.
const SILENCE: Duration = Duration::from_millis(50);

/// The longest UDP payload there is, so that no reply is cut to a size that looks right.
const RECEIVE_BUFFER: usize = 65_535;

/// One client: one socket, *connected*, so that a reply from another address than the one asked is never seen.
///
/// A request is sent once. Replies to earlier requests are passed over, as BEP 15 demands, so a wrong transaction id
/// ends in [`Failure::Silence`].
#[derive(Debug)]
pub struct Client {
    socket: UdpSocket,
    family: Family,
    timeout: Duration,
    buffer: Box<[u8]>,
    next_transaction: u32,
    connection: Option<(u64, Instant)>,
}

impl Client {
    /// Asks `tracker` from a free port of `local`.
    pub fn new(local: IpAddr, tracker: SocketAddr, timeout: Duration) -> io::Result<Self> {
        Self::bind(SocketAddr::new(local, 0), tracker, timeout)
    }

    /// Asks `tracker` from this very address and port.
    pub fn bind(local: SocketAddr, tracker: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let socket = UdpSocket::bind(local)?;
        socket.connect(tracker)?;
        Self::over(socket, timeout)
    }

    /// Asks whom this socket is connected to.
    pub fn over(socket: UdpSocket, timeout: Duration) -> io::Result<Self> {
        let family = Family::of(socket.local_addr()?.ip());
        let buffer = vec![0; RECEIVE_BUFFER].into();
        Ok(Self { socket, family, timeout, buffer, next_transaction: 0x5443_0000, connection: None })
    }

    /// The address the tracker sees.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Fetches a new connection id, kept for the requests of the next minute.
    pub fn connect(&mut self) -> Result<u64, Failure> {
        let transaction = self.transaction();
        match self.ask(&packet::connect(transaction), transaction)? {
            Reply::Connect { connection_id, .. } => {
                self.connection = Some((connection_id, Instant::now()));
                Ok(connection_id)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Announces, connecting first when there is no connection id to use.
    pub fn announce(&mut self, announce: &Announce) -> Result<Announced, Failure> {
        self.announce_with(announce, &[])
    }

    /// Announces with options after the fixed part (BEP 41; see [`packet::url_data`]).
    pub fn announce_with(&mut self, announce: &Announce, options: &[u8]) -> Result<Announced, Failure> {
        let connection_id = self.connection_id()?;
        let transaction = self.transaction();
        match self.ask(&packet::announce(connection_id, transaction, announce, options), transaction)? {
            Reply::Announce { interval, leechers, seeders, mut peers, .. } => {
                peers.sort_unstable();
                Ok(Announced {
                    interval,
                    seeders,
                    leechers,
                    peers,
                    completed: None,
                    min_interval: None,
                    external_ip: None,
                    warning: None,
                })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Scrapes; the tracker may answer for fewer torrents than asked, never for more.
    pub fn scrape(&mut self, info_hashes: &[[u8; 20]]) -> Result<Vec<Scraped>, Failure> {
        let connection_id = self.connection_id()?;
        let transaction = self.transaction();
        match self.ask(&packet::scrape(connection_id, transaction, info_hashes), transaction)? {
            Reply::Scrape { torrents, .. } if torrents.len() <= info_hashes.len() => Ok(torrents),
            other => Err(unexpected(&other)),
        }
    }

    /// The connection id in use, fetched when there is none or it is a minute old.
    pub fn connection_id(&mut self) -> Result<u64, Failure> {
        match self.connection {
            Some((id, received)) if received.elapsed() < CONNECTION_ID_LIFETIME => Ok(id),
            _ => self.connect(),
        }
    }

    /// Forgets the connection id, so that the next request connects.
    pub fn forget_connection_id(&mut self) {
        self.connection = None;
    }

    /// Sends these bytes and waits for one datagram, whatever it is.
    pub fn exchange(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        self.socket.send(bytes)?;
        self.receive(Instant::now() + self.timeout)
    }

    /// Sends these bytes and panics unless they go unanswered.
    ///
    /// Time alone would prove little: a connect request follows on the same path, its reply must be the first to come
    /// back, and none may come shortly after. So a tracker that is down, slow or deaf is not mistaken for a silent one.
    #[track_caller]
    pub fn silence(&mut self, bytes: &[u8]) {
        let transaction = self.transaction();
        let reply = self.socket.send(bytes).map_err(Failure::from);
        let reply = reply.and_then(|_| self.exchange(&packet::connect(transaction)));
        let reply = reply.unwrap_or_else(|failure| panic!("the tracker does not answer a connect: {failure}"));
        match decode(&reply, self.family) {
            Ok(Reply::Connect { transaction: answered, .. }) if answered == transaction => {}
            _ => panic!("a reply where silence is due: {reply:02x?}"),
        }
        match self.receive(Instant::now() + SILENCE) {
            Err(Failure::Silence) => {}
            other => panic!("no silence after all: {other:02x?}"),
        }
    }

    /// A transaction id this client has not used.
    pub fn transaction(&mut self) -> u32 {
        self.next_transaction = self.next_transaction.wrapping_add(1);
        self.next_transaction
    }

    /// The family the tracker sees, for [`decode`].
    pub fn family(&self) -> Family {
        self.family
    }

    /// Sends a request and waits for the reply with its transaction id; an error reply is a failure.
    fn ask(&mut self, request: &[u8], transaction: u32) -> Result<Reply, Failure> {
        self.socket.send(request)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            match decode(&self.receive(deadline)?, self.family)? {
                reply if reply.transaction() != transaction => {}
                Reply::Error { message, .. } => return Err(Failure::Rejected { reason: message, retry_in: None }),
                reply => return Ok(reply),
            }
        }
    }

    fn receive(&mut self, deadline: Instant) -> Result<Vec<u8>, Failure> {
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            if remaining.is_zero() {
                return Err(Failure::Silence);
            }
            self.socket.set_read_timeout(Some(remaining))?;
            match self.socket.recv(&mut self.buffer) {
                Ok(length) => return Ok(self.buffer[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn unexpected(reply: &Reply) -> Failure {
    Malformed::new(format!("not what was asked for: {reply:?}")).into()
}

#[cfg(test)]
mod tests;
