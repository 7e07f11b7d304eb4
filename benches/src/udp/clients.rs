//! The clients of a fill: one connected socket for each address, with its connection id.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use socket2::{Domain, Protocol, Socket, Type};
use tracker_client::udp::{self, Envelope, packet};
use tracker_client::{Announce, Event};

use crate::server::{PATIENCE, Server};
use crate::swarms::{Swarms, ipv4, ipv6, scatter};

/// Something to ask a tracker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request {
    /// A connection id.
    Connect,
    /// The announce of a peer, by its number.
    Announce(u32),
    /// The counts of some torrents in a row.
    Scrape {
        /// The first of them.
        torrent: u32,
        /// How many.
        torrents: u32,
    },
}

/// All clients of one server.
pub struct Clients<'a> {
    swarms: &'a Swarms,
    num_want: u16,
    peer_length: usize,
    clients: Vec<Client>,
}

struct Client {
    socket: UdpSocket,
    connection_id: u64,
}

impl<'a> Clients<'a> {
    /// Clients at all addresses that the peers of `swarms` have; waits until the server acknowledges the first peer.
    ///
    /// # Errors
    ///
    /// If the system has no such addresses: those of IPv6 want a network namespace and a route. Or if the server does
    /// not serve the torrent.
    pub fn new(swarms: &'a Swarms, server: &Server, num_want: u16) -> Result<Self> {
        let clients = Self::bind(swarms, server.address(), num_want)?;
        clients.wait_for_service(server)?;
        Ok(clients)
    }

    /// A tracker that serves listed torrents alone may answer connects long before it has read its list.
    fn wait_for_service(&self, server: &Server) -> Result<()> {
        // Another socket at the address of the first peer, which stays the same peer.
        let mut client = udp::Client::over(Client::new(0, server.address())?.socket, ONE_TRY)?;
        let deadline = Instant::now() + PATIENCE;
        while let Err(failure) = client.announce(&self.announce(0)) {
            if Instant::now() > deadline || server.ended().is_some() {
                let advice = match server.address() {
                    SocketAddr::V4(_) => "are the torrents on its list?",
                    SocketAddr::V6(_) => "is there a route to 2001:db8::/32?",
                };
                bail!("no good answer to an announce ({failure}); {advice}");
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Binds and connects a socket for each address.
    fn bind(swarms: &'a Swarms, server: SocketAddr, num_want: u16) -> Result<Self> {
        let clients = (0..swarms.clients()).map(|client| Client::new(client, server)).collect::<Result<_>>()?;
        let peer_length = if server.is_ipv6() { 18 } else { 6 };
        Ok(Self { swarms, num_want, peer_length, clients })
    }

    /// What the peers are.
    pub fn swarms(&self) -> &'a Swarms {
        self.swarms
    }

    /// How many clients there are.
    pub fn count(&self) -> u32 {
        self.swarms.clients()
    }

    /// The socket of a client.
    pub fn socket(&self, client: u32) -> &UdpSocket {
        &self.clients[client as usize].socket
    }

    /// Writes a request of a client over what the buffer held.
    pub fn write(&self, client: u32, request: Request, transaction: u32, buffer: &mut Vec<u8>) {
        buffer.clear();
        let connection_id = self.clients[client as usize].connection_id;
        match request {
            Request::Connect => buffer.extend(packet::connect(transaction)),
            Request::Announce(number) => {
                packet::write_announce(buffer, connection_id, transaction, &self.announce(number), &[]);
            }
            Request::Scrape { torrent, torrents } => {
                let mut info_hashes = [[0; 20]; MAX_SCRAPE as usize];
                let info_hashes = &mut info_hashes[..torrents as usize];
                for (info_hash, torrent) in info_hashes.iter_mut().zip(torrent..) {
                    *info_hash = self.swarms.info_hash(torrent);
                }
                packet::write_scrape(buffer, connection_id, transaction, info_hashes);
            }
        }
    }

    fn announce(&self, number: u32) -> Announce {
        let peer = self.swarms.peer(number);
        let mut peer_id = *b"-TC0001-000000000000";
        peer_id[12..].copy_from_slice(&scatter(number.into()).to_be_bytes());
        Announce {
            info_hash: self.swarms.info_hash(peer.torrent),
            peer_id,
            port: peer.port,
            uploaded: 0,
            downloaded: 0,
            left: u64::from(!peer.seeder),
            event: Event::None,
            num_want: Some(self.num_want.into()),
            // For an echo, which cannot know it; trackers ignore the key.
            key: u32::try_from(self.announce_length(peer.others)).expect("a reply fits a packet"),
        }
    }

    fn announce_length(&self, others: u32) -> usize {
        20 + self.peer_length * others.min(self.num_want.into()) as usize
    }

    /// The length of the reply, once all peers have announced themselves.
    pub fn expected_length(&self, request: Request) -> usize {
        match request {
            Request::Connect => 16,
            Request::Announce(number) => self.announce_length(self.swarms.peer(number).others),
            Request::Scrape { torrents, .. } => 8 + 12 * torrents as usize,
        }
    }

    /// Keeps the connection id, if it is a connect that has been answered.
    ///
    /// # Errors
    ///
    /// If the tracker refuses, or its reply is none: a table of refusals is worth nothing.
    pub fn read(&mut self, client: u32, request: Request, reply: &Envelope<'_>) -> Result<()> {
        let expected = match request {
            Request::Connect => {
                self.clients[client as usize].connection_id = reply.connection_id()?;
                0
            }
            Request::Announce(_) => 1,
            Request::Scrape { .. } => 2,
        };
        ensure!(reply.action == expected, "it refuses {request:?}: {}", reply.body.escape_ascii());
        // What one tracker leaves of a reply for a torrent that is not on its list.
        ensure!(expected != 1 || reply.body.len() >= 12, "it serves no such torrent; is it on its list?");
        Ok(())
    }
}

impl Client {
    fn new(number: u32, server: SocketAddr) -> Result<Self> {
        let local = if server.is_ipv6() { ipv6(number) } else { ipv4(number) };
        let socket = Self::bind(local, server).with_context(|| format!("cannot have a client at {local}"))?;
        Ok(Self { socket, connection_id: 0 })
    }

    fn bind(local: IpAddr, server: SocketAddr) -> std::io::Result<UdpSocket> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
        if local.is_ipv6() {
            // A route makes the whole network local, yet no address of it is configured.
            socket.set_freebind_v6(true)?;
        }
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.bind(&SocketAddr::new(local, 0).into())?;
        socket.connect(&server.into())?;
        Ok(socket.into())
    }
}

/// Torrents in a scrape at most (BEP 15, "scrape request").
pub(super) const MAX_SCRAPE: u32 = 74;

const ONE_TRY: Duration = Duration::from_secs(1);

const PAUSE: Duration = Duration::from_millis(100);

/// Room for some bursts of the longest replies, with what the kernel keeps beside them.
const RECEIVE_BUFFER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::swarms::Plan;

    #[test]
    fn an_announce_tells_an_echo_how_long_the_reply_is() {
        let distribution = "even:1".parse().unwrap();
        let swarms = Swarms::new(&Plan { distribution, peers: 10, seeders: 0.3, clients: 2, seed: 1 }).unwrap();
        for (num_want, seeder, leecher) in [(30, 20 + 6 * 7, 20 + 6 * 9), (8, 20 + 6 * 7, 20 + 6 * 8), (0, 20, 20)] {
            let clients = Clients::bind(&swarms, (Ipv4Addr::LOCALHOST, 9).into(), num_want).unwrap();
            let mut packet = Vec::new();
            for (peer, expected) in [(0, seeder), (9, leecher)] {
                let request = Request::Announce(peer);
                assert_eq!(clients.expected_length(request), expected);
                clients.write(peer % 2, request, 7, &mut packet);
                assert_eq!(
                    (packet.len(), packet[88..92].to_vec()),
                    (98, vec![0, 0, 0, u8::try_from(expected).unwrap()])
                );
            }
        }
    }
}
