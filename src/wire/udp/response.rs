//! Replies, written into the buffer they leave from. Each returns its length, or 0 where it would not fit.

use zerocopy::byteorder::big_endian::U32;
use zerocopy::{Immutable, IntoBytes, Unaligned};

use super::{ConnectionId, TransactionId, action};
use crate::bittorrent::Counts;

/// Writes a connect reply: exactly 16 bytes (BEP 15, "Connect response").
pub fn connect(buffer: &mut [u8], transaction_id: TransactionId, connection_id: ConnectionId) -> usize {
    #[derive(IntoBytes, Immutable, Unaligned)]
    #[repr(C)]
    struct Reply {
        action: U32,
        transaction_id: TransactionId,
        connection_id: ConnectionId,
    }
    put(buffer, &Reply { action: U32::new(action::CONNECT), transaction_id, connection_id })
}

/// The head of an announce reply: 20 bytes (BEP 15, "IPv4 announce response").
#[derive(Clone, Copy, Debug, IntoBytes, Immutable, Unaligned)]
#[repr(C)]
pub struct AnnounceReply {
    /// 0..4: 1.
    action: U32,
    /// 4..8: the request's.
    transaction_id: TransactionId,
    /// 8..12: seconds to wait before the next announce.
    interval: U32,
    /// 12..16: peers that lack something.
    leechers: U32,
    /// 16..20: peers that have everything.
    seeders: U32,
}

impl AnnounceReply {
    /// The reply to an announce that was applied.
    pub fn new(transaction_id: TransactionId, interval_seconds: u32, counts: &Counts) -> Self {
        Self {
            action: U32::new(action::ANNOUNCE),
            transaction_id,
            interval: U32::new(interval_seconds),
            leechers: U32::new(counts.leechers),
            seeders: U32::new(counts.seeders),
        }
    }

    /// Writes it with the peers behind it: compact, of the requester's family.
    pub fn write(&self, buffer: &mut [u8], peers: &[u8]) -> usize {
        let head = put(buffer, self);
        let room = buffer.get_mut(head..head.saturating_add(peers.len()));
        let Some(room) = room.filter(|_| head != 0) else { return 0 };
        room.copy_from_slice(peers);
        head.saturating_add(peers.len())
    }
}

/// Writes a scrape reply: 8 bytes and 12 for each torrent, in the order of the request (BEP 15, "Scrape response").
pub fn scrape(buffer: &mut [u8], transaction_id: TransactionId, torrents: impl Iterator<Item = Counts>) -> usize {
    let mut length = put(buffer, &Head { action: U32::new(action::SCRAPE), transaction_id });
    for counts in torrents {
        let triple = [counts.seeders, counts.completed, counts.leechers].map(U32::new);
        let room = buffer.get_mut(length..).unwrap_or_default();
        if length == 0 || triple.write_to_prefix(room).is_err() {
            return 0;
        }
        length = length.saturating_add(size_of_val(&triple));
    }
    length
}

/// Writes an error reply (BEP 15, "Error response"). The text has no length and no end but the datagram's.
pub fn error(buffer: &mut [u8], transaction_id: TransactionId, text: &str) -> usize {
    let head = put(buffer, &Head { action: U32::new(action::ERROR), transaction_id });
    let room = buffer.get_mut(head..head.saturating_add(text.len()));
    let Some(room) = room.filter(|_| head != 0) else { return 0 };
    room.copy_from_slice(text.as_bytes());
    head.saturating_add(text.len())
}

#[derive(IntoBytes, Immutable, Unaligned)]
#[repr(C)]
struct Head {
    action: U32,
    transaction_id: TransactionId,
}

fn put<T: IntoBytes + Immutable>(buffer: &mut [u8], value: &T) -> usize {
    if value.write_to_prefix(buffer).is_ok() { size_of::<T>() } else { 0 }
}

#[cfg(test)]
mod tests {
    use zerocopy::byteorder::big_endian::U64;

    use super::*;

    const TRANSACTION: TransactionId = TransactionId(U32::from_bytes([0xaa, 0xbb, 0xcc, 0xdd]));
    const COUNTS: Counts = Counts { seeders: 1, leechers: 2, downloaders: 2, completed: 3 };

    /// What `write` leaves in a large buffer; in every smaller one it must leave nothing to send.
    fn written(write: impl Fn(&mut [u8]) -> usize) -> Vec<u8> {
        let mut buffer = [0xff; 100];
        let length = write(&mut buffer);
        for short in 0..length {
            assert_eq!(write(&mut vec![0; short]), 0, "{short} of {length}");
        }
        buffer[..length].to_vec()
    }

    #[test]
    fn bep15_connect_response() {
        let id = ConnectionId(U64::new(0x0102_0304_0506_0708));
        let reply = written(|buffer| connect(buffer, TRANSACTION, id));
        assert_eq!(reply, b"\0\0\0\0\xaa\xbb\xcc\xdd\x01\x02\x03\x04\x05\x06\x07\x08");
    }

    #[test]
    fn bep15_announce_response_has_leechers_before_seeders() {
        let reply =
            written(|buffer| AnnounceReply::new(TRANSACTION, 1_800, &COUNTS).write(buffer, b"\x7f\0\0\x01\x1a\xe1"));
        assert_eq!(reply, b"\0\0\0\x01\xaa\xbb\xcc\xdd\0\0\x07\x08\0\0\0\x02\0\0\0\x01\x7f\0\0\x01\x1a\xe1");
    }

    #[test]
    fn bep15_scrape_response_has_seeders_completed_leechers() {
        let reply = written(|buffer| scrape(buffer, TRANSACTION, [COUNTS, Counts::default()].into_iter()));
        assert_eq!(reply, b"\0\0\0\x02\xaa\xbb\xcc\xdd\0\0\0\x01\0\0\0\x03\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0");
    }

    #[test]
    fn bep15_error_response() {
        let reply = written(|buffer| error(buffer, TRANSACTION, "invalid port"));
        assert_eq!(reply, b"\0\0\0\x03\xaa\xbb\xcc\xddinvalid port");
    }
}
