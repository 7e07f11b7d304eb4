//! What a worker has seen and done, counted where it costs next to nothing.
//!
//! Each worker has one block, which it alone writes and anyone reads. What the process as a whole has done is their sum, taken
//! when somebody asks.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::bittorrent::Family;

mod durations;

pub use durations::{Durations, Histogram, Spread};

/// What carries requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// UDP (BEP 15).
    Udp,
    /// HTTP (BEP 3).
    Http,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// A connection id, over UDP.
    Connect,
    /// To be in a swarm, and who else is.
    Announce,
    /// Counts.
    Scrape,
    /// None of these, or what nobody can tell.
    Other,
}

/// How it went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// As it should.
    Ok,
    /// Answered with an error; of a store: not answered.
    Error,
}

/// Why a datagram has no reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dropped {
    /// Too short to answer.
    Short,
    /// An action no client sends.
    Action,
    /// A connect without the protocol's magic.
    Magic,
    /// An announce under 98 bytes.
    Truncated,
    /// A connection id that was never the source's.
    BadId,
    /// One that was, and has been given up.
    ExpiredId,
    /// From port 0.
    Port,
    /// From an address that no client can have.
    Address,
    /// The kernel would not send it.
    Send,
}

/// Why an HTTP connection ended before its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rejected {
    /// Too many are open.
    MaxConnections,
    /// It was slow, or idle.
    TimeOut,
    /// What came is not HTTP, or too large.
    Head,
    /// The system would not accept it.
    Accept,
}

/// Something that is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counter {
    /// Requests received. Over UDP each datagram is one: with a [`Response`](Self::Response), or [`Dropped`](Self::Dropped).
    Request(Transport, Family, Action),
    /// Requests answered.
    Response(Transport, Family, Action, Outcome),
    /// Bytes received: payloads of UDP, all that connections carry of HTTP.
    Received(Transport, Family),
    /// Bytes sent.
    Sent(Transport, Family),
    /// Datagrams without a reply.
    Dropped(Dropped),
    /// Connections closed, or never opened.
    Rejected(Rejected),
    /// Batches that the store has answered; an error if any of their requests was not.
    Storage(Outcome),
    /// HTTP connections accepted.
    HttpConnections,
    /// UDP receive calls that failed.
    ReceiveFailures,
}

impl Counter {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let links = || Transport::BOTH.into_iter().flat_map(|transport| Family::BOTH.map(|family| (transport, family)));
        let requests =
            move || links().flat_map(|(transport, family)| Action::ALL.map(|action| (transport, family, action)));
        let request = |(transport, family, action)| Self::Request(transport, family, action);
        let response = |(transport, family, action)| {
            Outcome::BOTH.map(|outcome| Self::Response(transport, family, action, outcome))
        };
        let counters = requests().map(request).chain(requests().flat_map(response));
        let counters = counters.chain(links().map(|(transport, family)| Self::Received(transport, family)));
        let counters = counters.chain(links().map(|(transport, family)| Self::Sent(transport, family)));
        let counters = counters.chain(Dropped::ALL.map(Self::Dropped)).chain(Rejected::ALL.map(Self::Rejected));
        counters
            .chain(Outcome::BOTH.map(Self::Storage))
            .chain([Self::HttpConnections, Self::ReceiveFailures])
            .filter(|counter| counter.is_possible())
    }

    /// Over HTTP nobody connects first.
    fn is_possible(self) -> bool {
        !matches!(
            self,
            Self::Request(Transport::Http, _, Action::Connect) | Self::Response(Transport::Http, _, Action::Connect, _)
        )
    }

    /// Its place in the block.
    #[inline(always)]
    const fn index(self) -> usize {
        const LINKS: usize = 4;
        const REQUESTS: usize = LINKS * Action::ALL.len();
        const RESPONSES: usize = REQUESTS + 2 * REQUESTS;
        const DROPPED: usize = RESPONSES + 2 * LINKS;
        const REJECTED: usize = DROPPED + Dropped::ALL.len();
        const STORAGE: usize = REJECTED + Rejected::ALL.len();
        const REST: usize = STORAGE + 2;
        const _: () = assert!(REST + 2 == CELLS);
        match self {
            Self::Request(transport, family, action) => link(transport, family) * Action::ALL.len() + action as usize,
            Self::Response(transport, family, action, outcome) => {
                REQUESTS + (link(transport, family) * Action::ALL.len() + action as usize) * 2 + outcome as usize
            }
            Self::Received(transport, family) => RESPONSES + link(transport, family),
            Self::Sent(transport, family) => RESPONSES + LINKS + link(transport, family),
            Self::Dropped(reason) => DROPPED + reason as usize,
            Self::Rejected(reason) => REJECTED + reason as usize,
            Self::Storage(outcome) => STORAGE + outcome as usize,
            Self::HttpConnections => REST,
            Self::ReceiveFailures => REST + 1,
        }
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request(..) => "requests",
            Self::Response(..) => "responses",
            Self::Received(..) => "received_bytes",
            Self::Sent(..) => "sent_bytes",
            Self::Dropped(_) => "dropped",
            Self::Rejected(_) => "http_rejected",
            Self::Storage(_) => "storage_requests",
            Self::HttpConnections => "http_accepted",
            Self::ReceiveFailures => "receive_failures",
        }
    }

    /// What tells it from others of its name.
    pub fn labels(self) -> Vec<(&'static str, &'static str)> {
        let link = |transport: Transport, family| vec![("proto", transport.name()), ("family", family_name(family))];
        match self {
            Self::Request(transport, family, action) => {
                [link(transport, family), vec![("action", action.name())]].concat()
            }
            Self::Response(transport, family, action, outcome) => {
                [link(transport, family), vec![("action", action.name()), ("result", outcome.name())]].concat()
            }
            Self::Received(transport, family) | Self::Sent(transport, family) => link(transport, family),
            Self::Dropped(reason) => vec![("reason", reason.name())],
            Self::Rejected(reason) => vec![("reason", reason.name())],
            Self::Storage(outcome) => vec![("result", outcome.name())],
            Self::HttpConnections | Self::ReceiveFailures => Vec::new(),
        }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.labels().into_iter().try_for_each(|(_, value)| write!(f, " {value}"))
    }
}

/// `4` or `6`, as labels have it.
pub const fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "4",
        Family::V6 => "6",
    }
}

#[inline(always)]
const fn link(transport: Transport, family: Family) -> usize {
    transport as usize * 2 + family as usize
}

macro_rules! names {
    ($kind:ident, $all:ident, $($name:ident = $text:literal),* $(,)?) => {
        impl $kind {
            /// Each of them.
            pub const $all: [Self; [$($text),*].len()] = [$(Self::$name),*];

            /// What it is called.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

names!(Transport, BOTH, Udp = "udp", Http = "http");
names!(Action, ALL, Connect = "connect", Announce = "announce", Scrape = "scrape", Other = "other");
names!(Outcome, BOTH, Ok = "ok", Error = "error");
names!(
    Dropped,
    ALL,
    Short = "short",
    Action = "action",
    Magic = "magic",
    Truncated = "truncated",
    BadId = "bad_id",
    ExpiredId = "expired_id",
    Port = "port",
    Address = "address",
    Send = "send",
);
names!(Rejected, ALL, MaxConnections = "max_connections", TimeOut = "timeout", Head = "head", Accept = "accept");

/// One worker's counts: written by that worker's thread alone, read by anyone.
#[derive(Debug)]
pub struct Counters {
    cells: CachePadded<[AtomicU64; CELLS]>,
    /// How long things took.
    pub durations: Durations,
}

impl Default for Counters {
    fn default() -> Self {
        Self { cells: [const { AtomicU64::new(0) }; CELLS].into(), durations: Durations::default() }
    }
}

impl Counters {
    /// Counts one more.
    #[inline(always)]
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Counts `amount` more.
    #[inline(always)]
    pub fn add(&self, counter: Counter, amount: u64) {
        add(&self.cells[counter.index()], amount);
    }

    /// The count so far.
    pub fn read(&self, counter: Counter) -> u64 {
        self.cells[counter.index()].load(Ordering::Relaxed)
    }
}

/// A load and a store, not an atomic addition: the block has one writer.
#[inline(always)]
fn add(cell: &AtomicU64, amount: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

/// Places in a block.
const CELLS: usize = 73;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_counter_has_a_place_and_a_name_of_its_own() {
        let places: HashSet<_> = Counter::all().map(Counter::index).collect();
        let names: HashSet<_> = Counter::all().map(|counter| counter.to_string()).collect();
        let all = Counter::all().count();
        assert_eq!((places.len(), names.len()), (all, all));
        assert!(places.iter().all(|place| *place < CELLS));
        // Of the places, those of connects over HTTP are nobody's.
        assert_eq!(all, CELLS - 2 - 4);
    }

    #[test]
    fn what_is_counted_is_read_and_nothing_else_is() {
        let counters = Counters::default();
        for (number, counter) in (1..).zip(Counter::all()) {
            counters.add(counter, number);
        }
        for (number, counter) in (1..).zip(Counter::all()) {
            assert_eq!(counters.read(counter), number, "{counter}");
        }
    }
}
