//! A UDP tracker's client (BEP 15), with time-outs for people who wait.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{self, Instant};

use super::ProbeError;
use super::report::{Announced, Scraped, ScrapedTorrent, Timing, milliseconds, sockets};
use super::text::printable;
use crate::bittorrent::{self, Endpoint, Family, InfoHash};
use crate::units::Period;
use crate::wire::udp::{Answer, ConnectionId, TransactionId, announce_request, connect_request, scrape_request};

/// A client that has got its connection id.
pub(super) struct Client {
    socket: UdpSocket,
    connection_id: ConnectionId,
    key: u32,
    started: Instant,
    timing: Timing,
    /// When to give up.
    pub(super) deadline: Instant,
}

impl Client {
    /// Connects by `deadline`. Datagrams of other sources do not reach the socket.
    pub(super) async fn connect(tracker: SocketAddr, deadline: Instant) -> Result<Self, ProbeError> {
        let local: SocketAddr = match Family::of(tracker.ip()) {
            Family::V4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::V6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local).await.map_err(ProbeError::of_system)?;
        socket.connect(tracker).await.map_err(ProbeError::of_system)?;
        let connection_id = ConnectionId(0.into());
        let (started, timing) = (Instant::now(), Timing::default());
        let mut client = Self { socket, connection_id, key: rand::random(), started, timing, deadline };
        let id = transaction();
        client.connection_id = client
            .ask(&connect_request(id), id, |answer| match answer {
                Answer::Connected(id) => Some(id),
                _ => None,
            })
            .await?;
        client.timing.connect_milliseconds = Some(client.milliseconds());
        Ok(client)
    }

    pub(super) async fn announce(
        &mut self,
        announce: &bittorrent::Announce,
        path: &str,
    ) -> Result<Announced, ProbeError> {
        let family = Family::of(self.socket.peer_addr().map_err(ProbeError::System)?.ip());
        let id = transaction();
        let request = announce_request(self.connection_id, id, announce, self.key, path.as_bytes());
        let announced = self.ask(&request, id, |answer| {
            let Answer::Announced { interval_seconds, leechers, seeders, peers } = answer else { return None };
            Some(Announced {
                interval_seconds: Some(interval_seconds.into()),
                leechers: Some(leechers.into()),
                seeders: Some(seeders.into()),
                peers: sockets(Endpoint::list(family, peers)),
                stray_bytes: peers.len() % family.peer_length(),
                ..Announced::default()
            })
        });
        let announced = announced.await?;
        Ok(Announced { timing: self.timing(), ..announced })
    }

    pub(super) async fn scrape(&mut self, info_hashes: &[InfoHash]) -> Result<Scraped, ProbeError> {
        let id = transaction();
        let request = scrape_request(self.connection_id, id, info_hashes);
        let torrents = self.ask(&request, id, |answer| {
            let Answer::Scraped(triples) = answer else { return None };
            Some(
                info_hashes
                    .iter()
                    .zip(triples)
                    .map(|(hash, triple)| ScrapedTorrent::told(*hash, triple.counts()))
                    .collect(),
            )
        });
        let torrents: Vec<_> = torrents.await?;
        if torrents.len() < info_hashes.len() {
            let message = format!("counts of {} torrents, where {} were asked for", torrents.len(), info_hashes.len());
            return Err(ProbeError::Malformed(message));
        }
        Ok(Scraped { torrents, min_interval_seconds: None, timing: self.timing() })
    }

    /// Sends a request until it is answered: after 1 s again, after 2 more, after 4, where clients wait 15, 30, 60
    /// (BEP 15, "Time outs").
    async fn ask<T>(
        &mut self,
        request: &[u8],
        id: TransactionId,
        read: impl Fn(Answer<'_>) -> Option<T>,
    ) -> Result<T, ProbeError> {
        let started = Instant::now();
        let mut buffer = vec![0; LARGEST];
        let (mut tries, mut wait) = (0, FIRST_WAIT);
        while Instant::now() < self.deadline {
            self.socket.send(request).await.map_err(ProbeError::of_system)?;
            tries += 1;
            self.timing.tries += 1;
            let again = (Instant::now() + wait).min(self.deadline);
            // No wait of a second for what would be given up at once.
            let again = if self.deadline - again < FIRST_WAIT { self.deadline } else { again };
            // A flood of datagrams that answer nothing ends here, too: `timeout_at` alone would take each as it comes.
            while Instant::now() < again
                && let Ok(received) = time::timeout_at(again, self.socket.recv(&mut buffer)).await
            {
                let length = received.map_err(ProbeError::of_system)?;
                let answer = match Answer::parse(&buffer[..length], id) {
                    // Another's, or one of a try given up.
                    None => continue,
                    Some(answer) => answer.map_err(|error| ProbeError::Malformed(error.to_string()))?,
                };
                return match (read(answer), answer) {
                    (Some(told), _) => Ok(told),
                    (None, Answer::Refused(reason)) => Err(refused(reason)),
                    (None, _) => Err(ProbeError::Malformed("a reply to something else".into())),
                };
            }
            wait *= 2;
        }
        let tries = if tries == 1 { "1 packet".into() } else { format!("{tries} packets") };
        Err(ProbeError::Silent { tries, waited: tenths(started.elapsed()) })
    }

    fn timing(&self) -> Timing {
        Timing { milliseconds: self.milliseconds(), ..self.timing }
    }

    fn milliseconds(&self) -> f64 {
        milliseconds(self.started.elapsed())
    }
}

fn refused(reason: &[u8]) -> ProbeError {
    ProbeError::Refused { reason: printable(reason), retry: None }
}

/// Whole seconds, or what there is of one.
fn tenths(time: Duration) -> String {
    Period(Duration::from_millis(u64::try_from((time.as_millis() + 50) / 100 * 100).unwrap_or(u64::MAX))).to_string()
}

/// Unknown to whoever cannot read our packets.
fn transaction() -> TransactionId {
    TransactionId(rand::random::<u32>().into())
}

/// Until the first packet is sent again; after that twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// No datagram is longer.
const LARGEST: usize = 65_536;
