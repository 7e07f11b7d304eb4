//! What a client says of itself when it announces, whatever the transport.

use super::{Endpoint, InfoHash, PeerId};

/// One announce, as parsed from either transport (BEP 3, "Trackers"; BEP 15, "Announce request").
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Announce {
    /// The torrent.
    pub info_hash: InfoHash,
    /// The client's name for itself; no part of its identity.
    pub peer_id: PeerId,
    /// The address the request came from, with the port it announces.
    pub peer: Endpoint,
    /// Bytes the client still lacks: 0 for a seeder, `u64::MAX` where it did not say.
    pub left: u64,
    /// Why it announces now.
    pub event: Event,
    /// How many peers it would like; `None` leaves the number to the tracker.
    pub num_want: Option<u32>,
}

/// Why a client announces.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Event {
    /// A regular renewal; also any event this tracker does not know.
    #[default]
    None,
    /// It has just got the last piece.
    Completed,
    /// It joins the swarm.
    Started,
    /// It leaves the swarm.
    Stopped,
    /// It has all it wants, though not all there is: a partial seed (BEP 21).
    Paused,
}
