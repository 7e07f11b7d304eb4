//! Stories: what peers tell a tracker, one after the other, and what each of them must be told.
//!
//! A story says neither how its requests travel nor where its peers live. It is told over UDP and over HTTP, over IPv4
//! and over IPv6, and must end the same every time ([`Ending`]).

mod teller;
mod telling;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tracker_client::{Announce, Event, Family};

pub use teller::{EVERY_WAY, HTTP4, HTTP6, Teller, Transport, UDP4, UDP6, Way};
pub use telling::{Ending, tell};

/// Someone in a swarm.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Peer {
    host: u8,
    port: u16,
}

impl Peer {
    /// The peer that listens on this port of the first host.
    pub const fn new(port: u16) -> Self {
        Self { host: 1, port }
    }

    /// The peer on the same port of another host, from 2 on. An ordinary loopback interface has but one of IPv6.
    #[must_use]
    pub const fn on_host(self, host: u8) -> Self {
        Self { host, ..self }
    }

    /// Its host: 127.0.0.N; ::1 or, for others than the first, 2001:db8::N.
    pub fn host(self, family: Family) -> IpAddr {
        match (family, self.host) {
            (Family::V4, number) => Ipv4Addr::new(127, 0, 0, number).into(),
            (Family::V6, 1) => Ipv6Addr::LOCALHOST.into(),
            (Family::V6, number) => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
        }
    }

    /// Where others find it.
    pub fn address(self, family: Family) -> SocketAddr {
        SocketAddr::new(self.host(family), self.port)
    }

    /// Announces that it lacks something.
    pub fn leeches(self) -> Said {
        Said { peer: self, announce: Announce::new([0; 20], self.port) }
    }

    /// Announces that it lacks nothing.
    pub fn seeds(self) -> Said {
        self.leeches().left(0)
    }

    /// Announces that it has just got everything.
    pub fn completes(self) -> Said {
        self.seeds().event(Event::Completed)
    }

    /// Announces that it lacks something and wants no more (BEP 21).
    pub fn pauses(self) -> Said {
        self.leeches().event(Event::Paused)
    }

    /// Announces that it leaves.
    pub fn stops(self) -> Said {
        self.leeches().event(Event::Stopped)
    }
}

/// What a peer says, before it is known what it must be told.
#[derive(Clone, Debug)]
pub struct Said {
    peer: Peer,
    announce: Announce,
}

impl Said {
    /// Lacks so many bytes.
    #[must_use]
    pub fn left(self, left: u64) -> Self {
        Self { announce: self.announce.left(left), ..self }
    }

    /// Says what has happened.
    #[must_use]
    pub fn event(self, event: Event) -> Self {
        Self { announce: self.announce.event(event), ..self }
    }

    /// Wants so many peers.
    #[must_use]
    pub fn wants(self, num_want: i32) -> Self {
        Self { announce: self.announce.num_want(num_want), ..self }
    }

    /// Goes by another name and key than its port's.
    #[must_use]
    pub fn named(self, peer_id: [u8; 20], key: u32) -> Self {
        Self { announce: self.announce.peer_id(peer_id).key(key), ..self }
    }

    /// It must be told these counts, and of exactly these peers.
    pub fn is_told(self, seeders: u32, leechers: u32, peers: &[Peer]) -> Step {
        self.is_told_some(seeders, leechers, peers.len(), peers)
    }

    /// It must be told these counts, and of so many different ones of these peers.
    pub fn is_told_some(self, seeders: u32, leechers: u32, how_many: usize, peers: &[Peer]) -> Step {
        let told = Told { seeders, leechers, how_many, peers: peers.into(), abroad: Vec::new() };
        Step::new(Act::Announce(self, Ok(told)))
    }

    /// It must be refused in these words.
    pub fn is_refused(self, reason: &'static str) -> Step {
        Step::new(Act::Announce(self, Err(reason)))
    }
}

/// A scrape that must find these counts; `completed` is how often the torrent was completed.
pub fn scrape_finds(seeders: u32, completed: u32, leechers: u32) -> Step {
    Step::new(Act::Scrape { seeders, completed, leechers, downloaders: leechers })
}

/// One request and what must come of it.
#[derive(Clone, Debug)]
pub struct Step {
    way: Option<Way>,
    torrent: usize,
    act: Act,
}

impl Step {
    fn new(act: Act) -> Self {
        Self { way: None, torrent: 0, act }
    }

    /// Goes this way, whichever way the rest of the story goes.
    #[must_use]
    pub fn over(self, way: Way) -> Self {
        Self { way: Some(way), ..self }
    }

    /// Concerns the story's other torrent.
    #[must_use]
    pub fn of_the_other_torrent(self) -> Self {
        Self { torrent: 1, ..self }
    }

    /// The announcer must be told of these peers of the other family, too.
    #[must_use]
    pub fn and_abroad(mut self, peers: &[Peer]) -> Self {
        if let Act::Announce(_, Ok(told)) = &mut self.act {
            told.how_many += peers.len();
            told.abroad = peers.into();
        }
        self
    }

    /// So many of the leechers must be downloaders, where the transport tells (BEP 21).
    #[must_use]
    pub fn with_downloaders(mut self, number: u32) -> Self {
        if let Act::Scrape { downloaders, .. } = &mut self.act {
            *downloaders = number;
        }
        self
    }
}

#[derive(Clone, Debug)]
enum Act {
    /// What is said, and what must be told or the refusal's words.
    Announce(Said, Result<Told, &'static str>),
    Scrape {
        seeders: u32,
        completed: u32,
        leechers: u32,
        downloaders: u32,
    },
}

/// What an announcer must be told.
#[derive(Clone, Debug)]
struct Told {
    seeders: u32,
    leechers: u32,
    how_many: usize,
    /// Of the announcer's family.
    peers: Vec<Peer>,
    /// Of the other.
    abroad: Vec<Peer>,
}
