//! The client's side, which the probe speaks: requests written, replies read.

use zerocopy::byteorder::big_endian::{I32, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::options::put_url_data;
use super::{AnnouncePacket, ConnectionId, PROTOCOL_MAGIC, TransactionId, action};
use crate::bittorrent::{Announce, Counts, Event, InfoHash};

/// What every request begins with: 16 bytes.
#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    connection_id: ConnectionId,
    action: U32,
    transaction_id: TransactionId,
}

/// A connect request (BEP 15, "Connect request").
pub fn connect_request(transaction_id: TransactionId) -> Vec<u8> {
    let connection_id = ConnectionId(U64::new(PROTOCOL_MAGIC));
    Head { connection_id, action: U32::new(action::CONNECT), transaction_id }.as_bytes().to_vec()
}

/// An announce request (BEP 15, "IPv4 announce request"), with the path and query of its URL behind it (BEP 41).
pub fn announce_request(
    connection_id: ConnectionId,
    transaction_id: TransactionId,
    announce: &Announce,
    key: u32,
    url_data: &[u8],
) -> Vec<u8> {
    let packet = AnnouncePacket {
        connection_id,
        action: U32::new(action::ANNOUNCE),
        transaction_id,
        info_hash: announce.info_hash,
        peer_id: announce.peer_id,
        downloaded: U64::ZERO,
        left: U64::new(announce.left),
        uploaded: U64::ZERO,
        event: U32::new(match announce.event {
            Event::None => 0,
            Event::Completed => 1,
            Event::Started => 2,
            Event::Stopped => 3,
            Event::Paused => 4,
        }),
        ip_address: U32::ZERO,
        key: U32::new(key),
        num_want: I32::new(announce.num_want.map_or(-1, |wanted| i32::try_from(wanted).unwrap_or(i32::MAX))),
        port: U16::new(announce.peer.port()),
    };
    let mut request = packet.as_bytes().to_vec();
    put_url_data(&mut request, url_data);
    request
}

/// A scrape request (BEP 15, "Scrape request").
pub fn scrape_request(connection_id: ConnectionId, transaction_id: TransactionId, info_hashes: &[InfoHash]) -> Vec<u8> {
    let head = Head { connection_id, action: U32::new(action::SCRAPE), transaction_id };
    [head.as_bytes(), info_hashes.as_bytes()].concat()
}

/// A tracker's reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answer<'a> {
    /// The id to show from now on (BEP 15, "Connect response").
    Connected(ConnectionId),
    /// (BEP 15, "IPv4 announce response".)
    Announced {
        /// Seconds to wait before the next announce.
        interval_seconds: u32,
        /// Peers that lack something.
        leechers: u32,
        /// Peers that have everything.
        seeders: u32,
        /// Compact, of the family it was asked over.
        peers: &'a [u8],
    },
    /// Counts in the order of the request (BEP 15, "Scrape response").
    Scraped(&'a [Triple]),
    /// Why not (BEP 15, "Error response"). Any bytes.
    Refused(&'a [u8]),
}

/// One torrent in a scrape's reply: 12 bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Triple {
    seeders: U32,
    completed: U32,
    leechers: U32,
}

impl Triple {
    /// The numbers; who of the leechers still downloads is not told over UDP.
    pub fn counts(self) -> Counts {
        let leechers = self.leechers.get();
        Counts { seeders: self.seeders.get(), leechers, downloaders: leechers, completed: self.completed.get() }
    }
}

/// Why a datagram with our transaction id is no reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AnswerError {
    /// Too short for its action.
    #[error("a reply of {0} bytes, too short for its kind")]
    Truncated(usize),
    /// Not an action that replies have.
    #[error("a reply with the unknown action {0}")]
    UnknownAction(u32),
}

impl<'a> Answer<'a> {
    /// Reads a datagram; `None` where it does not answer the request of this transaction.
    ///
    /// # Errors
    ///
    /// When it does, and is no reply.
    pub fn parse(datagram: &'a [u8], transaction_id: TransactionId) -> Option<Result<Self, AnswerError>> {
        let ([action, transaction], rest) = <[U32; 2]>::read_from_prefix(datagram).ok()?;
        (transaction == transaction_id.0).then(|| {
            let answer = match action.get() {
                action::CONNECT => ConnectionId::read_from_prefix(rest).ok().map(|(id, _)| Self::Connected(id)),
                action::ANNOUNCE => Self::announced(rest),
                action::SCRAPE => {
                    let torrents = rest.chunks_exact(size_of::<Triple>()).len();
                    <[Triple]>::ref_from_prefix_with_elems(rest, torrents).ok().map(|(all, _)| Self::Scraped(all))
                }
                action::ERROR => Some(Self::Refused(rest)),
                unknown => return Err(AnswerError::UnknownAction(unknown)),
            };
            answer.ok_or(AnswerError::Truncated(datagram.len()))
        })
    }

    fn announced(rest: &'a [u8]) -> Option<Self> {
        let (head, peers) = <[U32; 3]>::ref_from_prefix(rest).ok()?;
        let [interval_seconds, leechers, seeders] = head.map(U32::get);
        Some(Self::Announced { interval_seconds, leechers, seeders, peers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bittorrent::{Endpoint, PeerId};

    const TRANSACTION: TransactionId = TransactionId(U32::from_bytes([0xaa, 0xbb, 0xcc, 0xdd]));
    const CONNECTION: ConnectionId = ConnectionId(U64::from_bytes([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]));

    #[test]
    fn bep15_requests_are_written_field_by_field() {
        assert_eq!(connect_request(TRANSACTION), b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\xaa\xbb\xcc\xdd");
        let announce = Announce {
            info_hash: InfoHash([b'h'; 20]),
            peer_id: PeerId([b'p'; 20]),
            peer: Endpoint::V4([0, 0, 0, 0, 0x1a, 0xe1]),
            left: 2,
            event: Event::Started,
            num_want: Some(80),
        };
        let request = announce_request(CONNECTION, TRANSACTION, &announce, 0x6b6b_6b6b, b"/announce");
        assert_eq!(
            request,
            b"\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\x01\xaa\xbb\xcc\xddhhhhhhhhhhhhhhhhhhhhpppppppppppppppppppp\
              \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0kkkk\0\0\0\x50\x1a\xe1\
              \x02\x09/announce"
        );
        let scrape = scrape_request(CONNECTION, TRANSACTION, &[InfoHash([b'h'; 20])]);
        assert_eq!(scrape, b"\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\x02\xaa\xbb\xcc\xddhhhhhhhhhhhhhhhhhhhh");
    }

    #[test]
    fn bep15_replies_are_read() {
        let read = |datagram| Answer::parse(datagram, TRANSACTION);
        let connected = b"\0\0\0\0\xaa\xbb\xcc\xdd\x11\x22\x33\x44\x55\x66\x77\x88";
        assert_eq!(read(connected), Some(Ok(Answer::Connected(CONNECTION))));
        let announced = b"\0\0\0\x01\xaa\xbb\xcc\xdd\0\0\x07\x08\0\0\0\x02\0\0\0\x01\x7f\0\0\x01\x1a\xe1";
        let peers = &b"\x7f\0\0\x01\x1a\xe1"[..];
        let answer = Answer::Announced { interval_seconds: 1_800, leechers: 2, seeders: 1, peers };
        assert_eq!(read(announced), Some(Ok(answer)));
        let scraped = b"\0\0\0\x02\xaa\xbb\xcc\xdd\0\0\0\x01\0\0\0\x03\0\0\0\x02\0\0";
        let Some(Ok(Answer::Scraped([triple]))) = read(scraped) else { panic!("{:?}", read(scraped)) };
        assert_eq!(triple.counts(), Counts { seeders: 1, leechers: 2, downloaders: 2, completed: 3 });
        assert_eq!(read(b"\0\0\0\x03\xaa\xbb\xcc\xddno\x1b"), Some(Ok(Answer::Refused(b"no\x1b"))));
    }

    #[test]
    fn what_is_no_reply_is_told_from_what_answers_another_request() {
        let read = |datagram| Answer::parse(datagram, TRANSACTION);
        assert_eq!(read(b"\0\0\0\0\xaa\xbb\xcc"), None);
        assert_eq!(read(b"\0\0\0\0\xaa\xbb\xcc\xde\x11\x22\x33\x44\x55\x66\x77\x88"), None);
        assert_eq!(read(b"\0\0\0\0\xaa\xbb\xcc\xdd\x11"), Some(Err(AnswerError::Truncated(9))));
        assert_eq!(read(b"\0\0\0\x01\xaa\xbb\xcc\xdd\x11"), Some(Err(AnswerError::Truncated(9))));
        assert_eq!(read(b"\0\0\0\x04\xaa\xbb\xcc\xdd"), Some(Err(AnswerError::UnknownAction(4))));
    }
}
