//! Answers batches of datagrams in place, whoever carries them: it knows buffers, lengths and sources, no sockets.
//!
//! Two phases with the store between them. [`read`](Handler::read) answers what needs no store and collects the rest;
//! [`write`](Handler::write) puts the store's replies into the buffers of their requests.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rand::{Rng, RngExt};

use super::connection_id::ConnectionIds;
use crate::bittorrent::Family;
use crate::counters::{Counter, Counters};
use crate::storage::{Batch, Entry, Reply, Scrape};
use crate::tracker::{Live, Rejection, Tracker, is_peer_address};
use crate::wire::udp::{self as wire, AnnouncePacket, AnnounceReply, ConnectionId, ParseError, Request, TransactionId};

/// Received datagrams, each in a buffer that its reply may take over: all the handler knows of a transport.
pub trait Datagrams {
    /// How many have been received.
    fn count(&self) -> usize;

    /// What was received, and from where; an IPv4-mapped source is IPv4.
    fn request(&self, index: usize) -> (&[u8], SocketAddr);

    /// The buffer of a datagram, whole. At least [`REPLY_LENGTH`] bytes.
    fn buffer(&mut self, index: usize) -> &mut [u8];

    /// Has the first `length` bytes of the buffer sent back; 0, as at first, is silence.
    fn reply(&mut self, index: usize, length: usize);
}

/// Room for the longest reply: what one IPv4 packet of an Ethernet carries beside its headers.
pub const REPLY_LENGTH: usize = 1_472;

/// Requests on their way through the store, and where their replies go.
#[derive(Default)]
pub struct Round {
    /// For the store, between the two phases.
    pub batch: Batch,
    tickets: Vec<Ticket>,
}

/// Where the replies to one datagram's requests belong.
struct Ticket {
    datagram: usize,
    transaction_id: TransactionId,
    asked: Asked,
}

enum Asked {
    /// For the next entry of the batch.
    Announce(Family),
    /// For so many entries of the batch.
    Scrape(usize),
}

/// Answers UDP requests.
pub struct Handler {
    tracker: Arc<Tracker>,
    connection_ids: Arc<ArcSwap<ConnectionIds>>,
    counters: Arc<Counters>,
}

impl Handler {
    /// A handler of one worker, whose counters these are.
    pub fn new(tracker: Arc<Tracker>, connection_ids: Arc<ArcSwap<ConnectionIds>>, counters: Arc<Counters>) -> Self {
        Self { tracker, connection_ids, counters }
    }

    /// The tracker that is asked between the two phases.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// What it counts in, and its worker too.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Answers connects and errors in place, and fills the round's batch with everything else.
    pub fn read(&self, datagrams: &mut impl Datagrams, round: &mut Round, rng: &mut impl Rng) {
        round.batch.clear();
        round.tickets.clear();
        round.batch.seed = rng.random();
        let live = self.tracker.live();
        let connection_ids = self.connection_ids.load();
        let reader = Reader { live: &live, connection_ids: &connection_ids };
        for index in 0..datagrams.count() {
            match reader.read(index, datagrams, round) {
                Ok(Outcome::Connected(length)) => {
                    self.counters.count(Counter::UdpConnects);
                    datagrams.reply(index, length);
                }
                Ok(Outcome::Asked) => {}
                Ok(Outcome::Rejected(length)) => {
                    self.counters.count(Counter::UdpErrors);
                    datagrams.reply(index, length);
                }
                Err(silence) => self.counters.count(silence),
            }
        }
    }

    /// Puts the store's replies into the buffers of their requests.
    pub fn write(&self, datagrams: &mut impl Datagrams, round: &Round, rng: &mut impl Rng) {
        let live = self.tracker.live();
        let mut entries = round.batch.entries.as_slice();
        for ticket in &round.tickets {
            let buffer = datagrams.buffer(ticket.datagram);
            let written = match ticket.asked {
                Asked::Announce(family) => {
                    let (entry, rest) = entries.split_first().expect("an announce has one entry");
                    entries = rest;
                    let interval_seconds = live.interval_seconds(rng.random());
                    write_announce(buffer, ticket.transaction_id, interval_seconds, &round.batch, entry, family)
                }
                Asked::Scrape(torrents) => {
                    let (asked, rest) = entries.split_at(torrents);
                    entries = rest;
                    write_scrape(buffer, ticket.transaction_id, asked)
                }
            };
            let length = if let Some(length) = written {
                self.counters.count(ticket.asked.counter());
                length
            } else {
                self.counters.count(Counter::UdpErrors);
                wire::error(buffer, ticket.transaction_id, Rejection::Overloaded.reason())
            };
            datagrams.reply(ticket.datagram, length);
        }
    }
}

impl Asked {
    fn counter(&self) -> Counter {
        match self {
            Self::Announce(_) => Counter::UdpAnnounces,
            Self::Scrape(_) => Counter::UdpScrapes,
        }
    }
}

/// What reading one datagram came to, silence apart.
enum Outcome {
    /// A connect reply of this length is in the buffer.
    Connected(usize),
    /// The batch has its requests.
    Asked,
    /// An error of this length is in the buffer.
    Rejected(usize),
}

/// The first phase, with what it needs of the world.
struct Reader<'a> {
    live: &'a Live,
    connection_ids: &'a ConnectionIds,
}

impl Reader<'_> {
    /// Reads one datagram.
    ///
    /// # Errors
    ///
    /// The count of those dropped in silence for the same reason.
    fn read(&self, index: usize, datagrams: &mut impl Datagrams, round: &mut Round) -> Result<Outcome, Counter> {
        let (bytes, source) = datagrams.request(index);
        let client = source.ip();
        if source.port() == 0 || !is_peer_address(client) {
            return Err(Counter::DroppedSource);
        }
        match Request::parse(bytes).map_err(dropped)? {
            Request::Connect(transaction_id) => {
                let id = self.connection_ids.issue(client);
                Ok(Outcome::Connected(wire::connect(datagrams.buffer(index), transaction_id, id)))
            }
            Request::Announce { packet, options: _ } => {
                self.check(client, packet.connection_id)?;
                let transaction_id = packet.transaction_id;
                match self.announce(client, packet, round) {
                    Ok(family) => {
                        round.tickets.push(Ticket { datagram: index, transaction_id, asked: Asked::Announce(family) })
                    }
                    Err(rejection) => {
                        let buffer = datagrams.buffer(index);
                        return Ok(Outcome::Rejected(wire::error(buffer, transaction_id, rejection.reason())));
                    }
                }
                Ok(Outcome::Asked)
            }
            Request::Scrape { connection_id, transaction_id, info_hashes } => {
                self.check(client, connection_id)?;
                let family = Family::of(client);
                let asked = info_hashes.iter().take(self.live.max_scrape_infohashes());
                round.tickets.push(Ticket { datagram: index, transaction_id, asked: Asked::Scrape(asked.len()) });
                asked.for_each(|&info_hash| round.batch.push(Scrape { info_hash, family }));
                Ok(Outcome::Asked)
            }
        }
    }

    fn check(&self, client: IpAddr, id: ConnectionId) -> Result<(), Counter> {
        if self.connection_ids.accept(client, id) { Ok(()) } else { Err(Counter::DroppedConnectionId) }
    }

    fn announce(&self, client: IpAddr, packet: &AnnouncePacket, round: &mut Round) -> Result<Family, Rejection> {
        let announce = packet.announce(client);
        let family = announce.peer.family();
        round.batch.push(self.live.admit(&announce, most_peers(family), false)?);
        Ok(family)
    }
}

/// Writes what the store said to an announce; nothing if it could not say.
fn write_announce(
    buffer: &mut [u8],
    transaction_id: TransactionId,
    interval_seconds: u32,
    batch: &Batch,
    entry: &Entry,
    family: Family,
) -> Option<usize> {
    let Reply::Announce { counts, peers } = &entry.reply else { return None };
    let reply = AnnounceReply::new(transaction_id, interval_seconds, counts);
    Some(reply.write(buffer, batch.compact(peers[family])))
}

/// Writes what the store said to a scrape; nothing if it could not say all of it.
fn write_scrape(buffer: &mut [u8], transaction_id: TransactionId, entries: &[Entry]) -> Option<usize> {
    let counts = |entry: &Entry| if let Reply::Scrape { counts } = entry.reply { Some(counts) } else { None };
    entries
        .iter()
        .all(|entry| counts(entry).is_some())
        .then(|| wire::scrape(buffer, transaction_id, entries.iter().filter_map(counts)))
}

/// How many peers a reply holds without being fragmented: 1220 bytes of an IPv4 packet, 1226 of an IPv6 one.
fn most_peers(family: Family) -> u32 {
    match family {
        Family::V4 => 200,
        Family::V6 => 67,
    }
}

fn dropped(error: ParseError) -> Counter {
    match error {
        ParseError::Headless => Counter::DroppedShort,
        ParseError::WrongMagic => Counter::DroppedMagic,
        ParseError::Truncated(_) => Counter::DroppedTruncated,
        ParseError::UnknownAction(_) => Counter::DroppedAction,
    }
}

#[cfg(test)]
mod tests;
