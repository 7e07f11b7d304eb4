//! What travels to a store and back: requests, their replies, and one arena of peer bytes.

use std::ops::Range;

use crate::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};

/// Requests on their way to a store, and replies on their way back. Owned, so that several may be under way at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// Randomness for the choice of peers: fresh for each batch.
    pub seed: u64,
    /// The requests, in the order they are to be applied, each with its reply.
    pub entries: Vec<Entry>,
    /// The compact bytes of all replies' peers, one [`Span`] after another.
    pub peers: Vec<u8>,
}

impl Batch {
    /// Adds a request at the end.
    pub fn push(&mut self, request: impl Into<Request>) {
        self.entries.push(Entry { request: request.into(), reply: Reply::Unanswered });
    }

    /// Empties it for its next use, keeping its allocations.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.peers.clear();
    }

    /// Adds the peers of one family that a reply is to return, and says where they are.
    ///
    /// # Panics
    ///
    /// Beyond 4 GiB of peers in one batch, which nobody asks for.
    pub fn append(&mut self, peers: impl IntoIterator<Item = Endpoint>) -> Span {
        let offset = |bytes: usize| u32::try_from(bytes).expect("a batch asks for less than 4 GiB of peers");
        let start = offset(self.peers.len());
        peers.into_iter().for_each(|peer| self.peers.extend_from_slice(peer.as_bytes()));
        Span { start, end: offset(self.peers.len()) }
    }

    /// The compact bytes a span of this batch stands for.
    pub fn compact(&self, span: Span) -> &[u8] {
        self.peers.get(span.range()).unwrap_or_default()
    }
}

/// One request and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What is asked.
    pub request: Request,
    /// What the store says.
    pub reply: Reply,
}

/// One thing asked of a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request {
    /// A peer's change, and a choice of the others.
    Announce(Announce),
    /// Counts alone.
    Scrape(Scrape),
}

impl Request {
    /// The torrent it is about.
    pub const fn info_hash(&self) -> &InfoHash {
        match self {
            Self::Announce(announce) => &announce.info_hash,
            Self::Scrape(scrape) => &scrape.info_hash,
        }
    }
}

impl From<Announce> for Request {
    fn from(announce: Announce) -> Self {
        Self::Announce(announce)
    }
}

impl From<Scrape> for Request {
    fn from(scrape: Scrape) -> Self {
        Self::Scrape(scrape)
    }
}

/// A peer's change to its swarm, and the peers it would like in return.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Announce {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The peer that announces.
    pub peer: Endpoint,
    /// What becomes of its entry.
    pub change: Change,
    /// The peers to return.
    pub want: Want,
}

/// What an announce does to the announcer's entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Inserted or renewed.
    Present {
        /// What it does in the swarm from now on.
        role: Role,
        /// It has just completed; counts at most once per entry, and only for a seeder.
        completed: bool,
    },
    /// Removed; an unknown peer is no error.
    Absent,
    /// Left as it is: peers are chosen as for one of this role, nothing is stored.
    Unchanged {
        /// What it does in the swarm.
        role: Role,
    },
}

/// What a peer does in its swarm.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Hash)]
pub enum Role {
    /// Has everything.
    Seeder,
    /// Lacks something and wants no more (BEP 21).
    PartialSeed,
    /// Lacks something and downloads it.
    Downloader,
}

/// How many peers to return, and of which families.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Want {
    /// At most so many, both families together.
    pub peers: u32,
    /// Peers of the other family too: up to half of them, more where the requester's own family falls short.
    pub both_families: bool,
}

impl Want {
    /// How many of each family, given how many are on offer.
    ///
    /// The other family gets at most half, the requester's own the rest; what one cannot fill passes to the other.
    pub fn split(self, own: Family, available: PerFamily<u32>) -> PerFamily<u32> {
        let mut share = PerFamily::default();
        let other = own.other();
        if self.both_families {
            share[other] = available[other].min(self.peers / 2);
        }
        share[own] = available[own].min(self.peers - share[other]);
        if self.both_families {
            share[other] = available[other].min(self.peers - share[own]);
        }
        share
    }
}

/// Counts of one family's swarm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scrape {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The family whose members are counted.
    pub family: Family,
}

/// What a store says to one request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Reply {
    /// Not answered yet.
    #[default]
    Unanswered,
    /// An announce was applied.
    Announce {
        /// The announcer's family's swarm after the change.
        counts: Counts,
        /// The chosen peers, as spans of [`Batch::peers`].
        peers: PerFamily<Span>,
    },
    /// A scrape was answered; zeros for an unknown torrent.
    Scrape {
        /// The swarm asked for.
        counts: Counts,
    },
    /// The store could not answer, and the client is told to come later; the operator learns why from the store's log.
    Failed,
}

/// A run of bytes in [`Batch::peers`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset past the last byte.
    pub end: u32,
}

impl Span {
    /// As a range of indices.
    pub const fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_family_gets_half_at_most_and_unfilled_room_passes_over() {
        let split = |peers, both_families, v4, v6| {
            let share = Want { peers, both_families }.split(Family::V4, PerFamily { v4, v6 });
            (share.v4, share.v6)
        };
        assert_eq!(split(50, false, 100, 100), (50, 0));
        assert_eq!(split(50, true, 100, 100), (25, 25));
        assert_eq!(split(50, true, 100, 10), (40, 10));
        assert_eq!(split(50, true, 10, 100), (10, 40));
        assert_eq!(split(50, true, 3, 4), (3, 4));
        assert_eq!(split(1, true, 9, 9), (1, 0));
        assert_eq!(split(1, true, 0, 9), (0, 1));
        assert_eq!(split(0, true, 9, 9), (0, 0));
    }
}
