//! What a tracker owes to a datagram, worked out from its bytes alone (BEP 15).

use tracker_client::Family;
use tracker_client::udp::{Reply, decode, packet::PROTOCOL_ID};

/// The reply due to a datagram.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Due {
    /// None at all: no request, or one from a source that has shown no valid connection id.
    Silence,
    /// A connection id.
    Connect,
    /// Peers, or an error.
    Announce,
    /// Counts of so many torrents.
    Scrape(usize),
}

impl Due {
    /// What is due to `datagram` from a source to which `connection_id` was issued.
    pub fn to(datagram: &[u8], connection_id: u64) -> Self {
        let Some((head, rest)) = datagram.split_first_chunk::<16>() else { return Self::Silence };
        let shown = u64::from_be_bytes(*head.first_chunk().expect("a head has 16 bytes"));
        let verified = shown == connection_id;
        match head[8..12] {
            [0, 0, 0, 0] if shown == PROTOCOL_ID => Self::Connect,
            [0, 0, 0, 1] if verified && datagram.len() >= 98 => Self::Announce,
            [0, 0, 0, 2] if verified => Self::Scrape((rest.len() / 20).min(MOST_TORRENTS)),
            _ => Self::Silence,
        }
    }

    /// Whether this is what has come: `None` is silence.
    pub fn is(self, reply: Option<&[u8]>, family: Family) -> bool {
        let Some(reply) = reply else { return self == Self::Silence };
        match (self, decode(reply, family)) {
            (Self::Connect, Ok(Reply::Connect { .. })) => true,
            (Self::Announce, Ok(Reply::Announce { .. } | Reply::Error { .. })) => true,
            (Self::Scrape(count), Ok(Reply::Scrape { torrents, .. })) => torrents.len() == count,
            _ => false,
        }
    }
}

/// As many as a tracker answers, whatever is asked: the replies of more fit no packet.
const MOST_TORRENTS: usize = 74;

#[cfg(test)]
mod tests {
    use tracker_client::Announce;
    use tracker_client::udp::packet;

    use super::*;

    #[test]
    fn requests_are_owed_replies_by_their_length_and_id() {
        let announce = packet::announce(7, 0, &Announce::new([0; 20], 1), &[]);
        assert_eq!(Due::to(&announce, 7), Due::Announce);
        assert_eq!(Due::to(&announce, 8), Due::Silence);
        assert_eq!(Due::to(&announce[..97], 7), Due::Silence);
        let scrape = packet::scrape(7, 0, &[[0; 20]; 80]);
        assert_eq!([16, 35, 36, 1_616].map(|length| Due::to(&scrape[..length], 7)), [0, 0, 1, 74].map(Due::Scrape));
        assert_eq!(Due::to(&packet::connect(0), 7), Due::Connect);
        assert_eq!(Due::to(&packet::connect(0)[..15], 7), Due::Silence);
    }

    #[test]
    fn a_reply_is_of_the_kind_that_is_due() {
        let connected = [0; 16];
        assert!(Due::Connect.is(Some(&connected), Family::V4));
        assert!(!Due::Connect.is(Some(&[0; 17]), Family::V4));
        assert!(!Due::Connect.is(None, Family::V4));
        assert!(!Due::Silence.is(Some(&connected), Family::V4));
        assert!(Due::Silence.is(None, Family::V4));
        assert!(Due::Scrape(0).is(Some(b"\0\0\0\x02tran"), Family::V4));
        assert!(!Due::Scrape(1).is(Some(b"\0\0\0\x02tran"), Family::V4));
    }
}
