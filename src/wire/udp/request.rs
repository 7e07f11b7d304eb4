//! Requests, read in place.

use std::net::IpAddr;

use zerocopy::byteorder::big_endian::{I32, U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::{ConnectionId, PROTOCOL_MAGIC, TransactionId, action};
use crate::bittorrent::{Announce, Endpoint, Event, InfoHash, PeerId};

/// A datagram that is a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Request<'a> {
    /// Asks for a connection id.
    Connect(TransactionId),
    /// Announces a peer.
    Announce {
        /// The fixed part.
        packet: &'a AnnouncePacket,
        /// What follows it: options (BEP 41), to be read with [`url_data`](super::url_data).
        options: &'a [u8],
    },
    /// Asks for counts.
    Scrape {
        /// The id our connect reply handed out.
        connection_id: ConnectionId,
        /// To be returned.
        transaction_id: TransactionId,
        /// The torrents; a partial hash at the end is left out.
        info_hashes: &'a [InfoHash],
    },
}

impl<'a> Request<'a> {
    /// Reads a datagram.
    ///
    /// # Errors
    ///
    /// When it is no request that a tracker serves.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let (head, rest) = Head::ref_from_prefix(datagram).map_err(|_| ParseError::Headless)?;
        match head.action.get() {
            action::CONNECT if head.connection_id.0.get() != PROTOCOL_MAGIC => Err(ParseError::WrongMagic),
            action::CONNECT => Ok(Self::Connect(head.transaction_id)),
            action::ANNOUNCE => {
                let truncated = |_| ParseError::Truncated(head.transaction_id);
                let (packet, options) = AnnouncePacket::ref_from_prefix(datagram).map_err(truncated)?;
                Ok(Self::Announce { packet, options })
            }
            action::SCRAPE => {
                let whole = rest.chunks_exact(size_of::<InfoHash>()).len();
                let info_hashes = <[InfoHash]>::ref_from_prefix_with_elems(rest, whole);
                Ok(Self::Scrape {
                    connection_id: head.connection_id,
                    transaction_id: head.transaction_id,
                    info_hashes: info_hashes.map_or(&[], |(info_hashes, _)| info_hashes),
                })
            }
            _ => Err(ParseError::UnknownAction(head.transaction_id)),
        }
    }
}

/// Why a datagram is not a request we serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParseError {
    /// Under 16 bytes: no transaction id to answer.
    Headless,
    /// A connect that does not begin with the protocol's magic.
    WrongMagic,
    /// Long enough to answer, too short for its action.
    Truncated(TransactionId),
    /// An action no client asks for.
    UnknownAction(TransactionId),
}

/// What every request begins with: 16 bytes.
#[derive(FromBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Head {
    connection_id: ConnectionId,
    action: U32,
    transaction_id: TransactionId,
}

/// Fixed part of a UDP announce: 98 bytes (BEP 15, "IPv4 announce request"; the same over IPv6).
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AnnouncePacket {
    /// 0..8: the id our connect reply handed out.
    pub connection_id: ConnectionId,
    /// 8..12: 1.
    pub action: U32,
    /// 12..16: to be returned.
    pub transaction_id: TransactionId,
    /// 16..36: the torrent.
    pub info_hash: InfoHash,
    /// 36..56: the client's name for itself.
    pub peer_id: PeerId,
    /// 56..64: bytes downloaded since it started.
    pub downloaded: U64,
    /// 64..72: bytes it still lacks.
    pub left: U64,
    /// 72..80: bytes uploaded since it started.
    pub uploaded: U64,
    /// 80..84: 0 none, 1 completed, 2 started, 3 stopped; 4 paused (BEP 21).
    pub event: U32,
    /// 84..88: the address it would like to be known by. Ignored: to believe it would aim swarms at strangers.
    pub ip_address: U32,
    /// 88..92: a random number of the client's. Ignored: some draw a new one for every request.
    pub key: U32,
    /// 92..96: peers wanted; negative leaves the number to the tracker.
    pub num_want: I32,
    /// 96..98: the port this peer listens on.
    pub port: U16,
}

const _: () = assert!(size_of::<Head>() == 16 && size_of::<AnnouncePacket>() == 98);

impl AnnouncePacket {
    /// The announce of a client at `source`, in the terms both transports share.
    pub fn announce(&self, source: IpAddr) -> Announce {
        Announce {
            info_hash: self.info_hash,
            peer_id: self.peer_id,
            peer: Endpoint::new(source, self.port.get()),
            left: self.left.get(),
            event: match self.event.get() {
                1 => Event::Completed,
                2 => Event::Started,
                3 => Event::Stopped,
                4 => Event::Paused,
                _ => Event::None,
            },
            num_want: u32::try_from(self.num_want.get()).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BEP 15, "Connect request".
    const CONNECT: &[u8; 16] = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0\x4f\x8c\x08\x3d";

    /// BEP 15, "IPv4 announce request", field by field.
    const ANNOUNCE: &[u8; 98] = b"\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\x01\xaa\xbb\xcc\xdd\
        hhhhhhhhhhhhhhhhhhhhpppppppppppppppppppp\
        \0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\x02\x7f\0\0\x01kkkk\0\0\0\x50\x1a\xe1";

    const TRANSACTION: TransactionId = TransactionId(U32::from_bytes([0xaa, 0xbb, 0xcc, 0xdd]));

    fn announce(datagram: &[u8]) -> (Announce, &[u8]) {
        match Request::parse(datagram) {
            Ok(Request::Announce { packet, options }) => (packet.announce([192, 0, 2, 7].into()), options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bep15_connect_request() {
        let connect = Request::Connect(TransactionId(U32::new(0x4f8c_083d)));
        assert_eq!(Request::parse(CONNECT), Ok(connect));
        assert_eq!(Request::parse(&[&CONNECT[..], b"more"].concat()), Ok(connect));
        let mut other = *CONNECT;
        other[7] = 0x81;
        assert_eq!(Request::parse(&other), Err(ParseError::WrongMagic));
    }

    #[test]
    fn bep15_announce_request() {
        let (announce, options) = announce(ANNOUNCE);
        assert_eq!(
            announce,
            Announce {
                info_hash: InfoHash(*b"hhhhhhhhhhhhhhhhhhhh"),
                peer_id: PeerId(*b"pppppppppppppppppppp"),
                // The address field says 127.0.0.1; the source counts.
                peer: Endpoint::V4([192, 0, 2, 7, 0x1a, 0xe1]),
                left: 0x200,
                event: Event::Started,
                num_want: Some(80),
            }
        );
        assert_eq!(options, b"");
    }

    #[test]
    fn bep15_announce_events() {
        let event = |value: u32| {
            let mut datagram = *ANNOUNCE;
            datagram[80..84].copy_from_slice(&value.to_be_bytes());
            announce(&datagram).0.event
        };
        let known = [Event::None, Event::Completed, Event::Started, Event::Stopped, Event::Paused];
        assert_eq!([0, 1, 2, 3, 4].map(event), known);
        assert_eq!([5, 0x0100_0000, u32::MAX].map(event), [Event::None; 3]);
    }

    #[test]
    fn bep15_announce_num_want() {
        let num_want = |value: i32| {
            let mut datagram = *ANNOUNCE;
            datagram[92..96].copy_from_slice(&value.to_be_bytes());
            announce(&datagram).0.num_want
        };
        assert_eq!([-1, i32::MIN, 0, 1, i32::MAX].map(num_want), [None, None, Some(0), Some(1), Some(i32::MAX as u32)]);
    }

    #[test]
    fn bep41_options_follow_the_announce() {
        assert_eq!(announce(&[&ANNOUNCE[..], b"\x02\x01/"].concat()).1, b"\x02\x01/");
    }

    #[test]
    fn bep15_scrape_request() {
        let head = b"\x11\x22\x33\x44\x55\x66\x77\x88\0\0\0\x02\xaa\xbb\xcc\xdd";
        let scrape = |hashes: &[u8]| {
            let datagram = [head, hashes].concat();
            match Request::parse(&datagram) {
                Ok(Request::Scrape { connection_id, transaction_id, info_hashes }) => {
                    assert_eq!((connection_id.0.get(), transaction_id), (0x1122_3344_5566_7788, TRANSACTION));
                    info_hashes.to_vec()
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(scrape(b""), []);
        assert_eq!(scrape(b"1111111111111111111"), []);
        assert_eq!(scrape(b"11111111111111111111222"), [InfoHash([b'1'; 20])]);
        assert_eq!(scrape(&[[b'1'; 20], [b'2'; 20]].concat()), [InfoHash([b'1'; 20]), InfoHash([b'2'; 20])]);
    }

    #[test]
    fn bep15_what_is_too_short_or_unknown_is_no_request() {
        for length in 0..16 {
            assert_eq!(Request::parse(&ANNOUNCE[..length]), Err(ParseError::Headless));
        }
        for length in 16..98 {
            assert_eq!(Request::parse(&ANNOUNCE[..length]), Err(ParseError::Truncated(TRANSACTION)));
        }
        for action in [3, 4, u32::MAX] {
            let mut datagram = *ANNOUNCE;
            datagram[8..12].copy_from_slice(&u32::to_be_bytes(action));
            assert_eq!(Request::parse(&datagram), Err(ParseError::UnknownAction(TRANSACTION)));
        }
    }
}
