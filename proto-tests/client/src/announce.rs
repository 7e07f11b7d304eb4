//! What a peer tells a tracker, before it is spelt for UDP or HTTP.

/// One announce: the torrent, the peer and its progress.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announce {
    /// The torrent.
    pub info_hash: [u8; 20],
    /// The name the peer gives itself.
    pub peer_id: [u8; 20],
    /// The port the peer listens on.
    pub port: u16,
    /// Bytes sent to other peers since `started`.
    pub uploaded: u64,
    /// Bytes received from other peers since `started`.
    pub downloaded: u64,
    /// Bytes still missing; 0 makes the peer a seeder.
    pub left: u64,
    /// What has just happened.
    pub event: Event,
    /// Peers wanted; `None` leaves the number to the tracker (-1 over UDP, absent over HTTP).
    pub num_want: Option<i32>,
    /// A number by which a peer may prove its identity when its address changes.
    pub key: u32,
}

/// What has just happened to the peer: a number over UDP (BEP 15), a word over HTTP (BEP 3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Event {
    /// Nothing: a regular announce.
    #[default]
    None,
    /// The download has finished.
    Completed,
    /// The peer joins.
    Started,
    /// The peer leaves.
    Stopped,
    /// The peer has all it wants, but not all there is (BEP 21).
    Paused,
    /// A number no BEP defines.
    Other(u32),
}

impl Announce {
    /// A regular announce of a leecher; its peer id follows from its port, so peers on several ports have several ids.
    pub fn new(info_hash: [u8; 20], port: u16) -> Self {
        let mut peer_id = *b"-TC0001-000000000000";
        for (place, digit) in peer_id.iter_mut().rev().zip(format!("{port:05}").bytes().rev()) {
            *place = digit;
        }
        Self {
            info_hash,
            peer_id,
            port,
            uploaded: 0,
            downloaded: 0,
            left: 1,
            event: Event::None,
            num_want: None,
            key: 0,
        }
    }

    /// Names the peer.
    #[must_use]
    pub fn peer_id(self, peer_id: [u8; 20]) -> Self {
        Self { peer_id, ..self }
    }

    /// Sets the bytes uploaded.
    #[must_use]
    pub fn uploaded(self, uploaded: u64) -> Self {
        Self { uploaded, ..self }
    }

    /// Sets the bytes downloaded.
    #[must_use]
    pub fn downloaded(self, downloaded: u64) -> Self {
        Self { downloaded, ..self }
    }

    /// Sets the bytes missing; 0 makes the peer a seeder.
    #[must_use]
    pub fn left(self, left: u64) -> Self {
        Self { left, ..self }
    }

    /// Sets the event.
    #[must_use]
    pub fn event(self, event: Event) -> Self {
        Self { event, ..self }
    }

    /// Asks for a number of peers.
    #[must_use]
    pub fn num_want(self, num_want: i32) -> Self {
        Self { num_want: Some(num_want), ..self }
    }

    /// Sets the key.
    #[must_use]
    pub fn key(self, key: u32) -> Self {
        Self { key, ..self }
    }
}

impl Event {
    /// The event's number over UDP (BEP 15; 4 is what libtorrent sends for BEP 21's `paused`).
    pub fn number(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Completed => 1,
            Self::Started => 2,
            Self::Stopped => 3,
            Self::Paused => 4,
            Self::Other(number) => number,
        }
    }

    /// The event's word over HTTP (BEP 3, BEP 21), absent for [`Event::None`]; an undefined number spells itself.
    pub fn name(self) -> Option<String> {
        let name = match self {
            Self::None => return None,
            Self::Completed => "completed",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Other(number) => return Some(number.to_string()),
        };
        Some(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_ids_follow_ports() {
        assert_eq!(&Announce::new([0; 20], 80).peer_id, b"-TC0001-000000000080");
        assert_eq!(&Announce::new([0; 20], 65535).peer_id, b"-TC0001-000000065535");
    }

    #[test]
    fn events_have_the_numbers_of_bep_15_and_the_words_of_bep_3_and_21() {
        let known = [Event::None, Event::Completed, Event::Started, Event::Stopped, Event::Paused, Event::Other(9)];
        assert_eq!(known.map(Event::number), [0, 1, 2, 3, 4, 9]);
        let names = known.map(|event| event.name().unwrap_or_default());
        assert_eq!(names, ["", "completed", "started", "stopped", "paused", "9"]);
    }
}
