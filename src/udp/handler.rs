//! Answers batches of datagrams in place, whoever carries them: it knows buffers, lengths and sources, no sockets.
//!
//! Two phases with the store between them. [`read`](Handler::read) answers what needs no store and collects the rest;
//! [`write`](Handler::write) puts the store's replies into the buffers of their requests.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rand::{Rng, RngExt};

use super::connection_id::{BadId, ConnectionIds};
use crate::bittorrent::Family;
use crate::counters::{Action, Counter, Counters, Dropped, Outcome, Transport::Udp};
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
    connects: u64,
}

impl Round {
    /// How many requests of this kind it has, those answered without the store apart, unless they connect.
    pub(super) fn requests(&self, action: Action) -> u64 {
        match action {
            Action::Connect => self.connects,
            _ => self.tickets.iter().filter(|ticket| ticket.asked.action() == action).count() as u64,
        }
    }
}

/// Where the replies to one datagram's requests belong.
struct Ticket {
    datagram: usize,
    transaction_id: TransactionId,
    family: Family,
    asked: Asked,
}

enum Asked {
    /// For the next entry of the batch.
    Announce,
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
        round.connects = 0;
        round.batch.seed = rng.random();
        let live = self.tracker.live();
        let connection_ids = self.connection_ids.load();
        let reader = Reader { live: &live, connection_ids: &connection_ids };
        for index in 0..datagrams.count() {
            let (bytes, source) = datagrams.request(index);
            let family = Family::of(source.ip());
            self.counters.add(Counter::Received(Udp, family), bytes.len() as u64);
            let (action, fate) = reader.read(index, datagrams, round);
            self.counters.count(Counter::Request(Udp, family, action));
            match fate {
                Fate::Asked => {}
                Fate::Answered(outcome, length) => {
                    self.counters.count(Counter::Response(Udp, family, action, outcome));
                    datagrams.reply(index, length);
                }
                Fate::Silence(reason) => self.counters.count(Counter::Dropped(reason)),
            }
        }
    }

    /// Puts the store's replies into the buffers of their requests. Returns whether it had one for each.
    pub fn write(&self, datagrams: &mut impl Datagrams, round: &Round, rng: &mut impl Rng) -> Outcome {
        let mut stored = Outcome::Ok;
        let live = self.tracker.live();
        let mut entries = round.batch.entries.as_slice();
        for ticket in &round.tickets {
            let buffer = datagrams.buffer(ticket.datagram);
            let written = match ticket.asked {
                Asked::Announce => {
                    let (entry, rest) = entries.split_first().expect("an announce has one entry");
                    entries = rest;
                    let interval_seconds = live.interval_seconds(rng.random());
                    write_announce(buffer, ticket.transaction_id, interval_seconds, &round.batch, entry, ticket.family)
                }
                Asked::Scrape(torrents) => {
                    let (asked, rest) = entries.split_at(torrents);
                    entries = rest;
                    write_scrape(buffer, ticket.transaction_id, asked)
                }
            };
            let (outcome, length) = if let Some(length) = written {
                (Outcome::Ok, length)
            } else {
                stored = Outcome::Error;
                (Outcome::Error, wire::error(buffer, ticket.transaction_id, Rejection::Overloaded.reason()))
            };
            self.counters.count(Counter::Response(Udp, ticket.family, ticket.asked.action(), outcome));
            datagrams.reply(ticket.datagram, length);
        }
        if !round.tickets.is_empty() {
            self.counters.count(Counter::Storage(stored));
        }
        stored
    }
}

impl Asked {
    fn action(&self) -> Action {
        match self {
            Self::Announce => Action::Announce,
            Self::Scrape(_) => Action::Scrape,
        }
    }
}

/// What becomes of one datagram once it has been read.
enum Fate {
    /// The batch has its requests.
    Asked,
    /// A reply of this length is in the buffer.
    Answered(Outcome, usize),
    /// Nothing is said.
    Silence(Dropped),
}

/// The first phase, with what it needs of the world.
struct Reader<'a> {
    live: &'a Live,
    connection_ids: &'a ConnectionIds,
}

impl Reader<'_> {
    /// Reads one datagram. Says what it asks for, as far as that is known.
    fn read(&self, index: usize, datagrams: &mut impl Datagrams, round: &mut Round) -> (Action, Fate) {
        let (bytes, source) = datagrams.request(index);
        let client = source.ip();
        if source.port() == 0 || !is_peer_address(client) {
            let reason = if source.port() == 0 { Dropped::Port } else { Dropped::Address };
            return (Action::Other, Fate::Silence(reason));
        }
        let ticket = |transaction_id, family, asked| Ticket { datagram: index, transaction_id, family, asked };
        match Request::parse(bytes) {
            Ok(Request::Connect(transaction_id)) => {
                round.connects += 1;
                let id = self.connection_ids.issue(client);
                let length = wire::connect(datagrams.buffer(index), transaction_id, id);
                (Action::Connect, Fate::Answered(Outcome::Ok, length))
            }
            Ok(Request::Announce { packet, options: _ }) => {
                let transaction_id = packet.transaction_id;
                let fate = match self.check(client, packet.connection_id) {
                    Err(reason) => Fate::Silence(reason),
                    Ok(()) => match self.announce(client, packet, round) {
                        Ok(family) => {
                            round.tickets.push(ticket(transaction_id, family, Asked::Announce));
                            Fate::Asked
                        }
                        Err(rejection) => {
                            let length = wire::error(datagrams.buffer(index), transaction_id, rejection.reason());
                            Fate::Answered(Outcome::Error, length)
                        }
                    },
                };
                (Action::Announce, fate)
            }
            Ok(Request::Scrape { connection_id, transaction_id, info_hashes }) => {
                if let Err(reason) = self.check(client, connection_id) {
                    return (Action::Scrape, Fate::Silence(reason));
                }
                let family = Family::of(client);
                let asked = info_hashes.iter().take(self.live.max_scrape_infohashes());
                round.tickets.push(ticket(transaction_id, family, Asked::Scrape(asked.len())));
                asked.for_each(|&info_hash| round.batch.push(Scrape { info_hash, family }));
                (Action::Scrape, Fate::Asked)
            }
            Err(error) => dropped(error),
        }
    }

    fn check(&self, client: IpAddr, id: ConnectionId) -> Result<(), Dropped> {
        self.connection_ids.check(client, id).map_err(|bad| match bad {
            BadId::Unknown => Dropped::BadId,
            BadId::Expired => Dropped::ExpiredId,
        })
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

/// What it would have been, and why there is no reply to it.
fn dropped(error: ParseError) -> (Action, Fate) {
    let (action, reason) = match error {
        ParseError::Headless => (Action::Other, Dropped::Short),
        ParseError::WrongMagic => (Action::Connect, Dropped::Magic),
        ParseError::Truncated(_) => (Action::Announce, Dropped::Truncated),
        ParseError::UnknownAction(_) => (Action::Other, Dropped::Action),
    };
    (action, Fate::Silence(reason))
}

#[cfg(test)]
mod tests;
