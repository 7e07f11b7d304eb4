//! Requests as bytes (BEP 15, BEP 41): pure functions, so that a test can damage what they return.

use crate::Announce;

/// What a connect request carries in place of a connection id (BEP 15, "connect request").
pub const PROTOCOL_ID: u64 = 0x0417_2710_1980;

/// The longest payload of one BEP 41 option, whose length is a byte.
const OPTION_PAYLOAD: usize = 255;

/// A connect request, 16 bytes: protocol id, action 0, transaction id (BEP 15).
pub fn connect(transaction: u32) -> [u8; 16] {
    let mut packet = [0; 16];
    packet[..8].copy_from_slice(&PROTOCOL_ID.to_be_bytes());
    packet[12..].copy_from_slice(&transaction.to_be_bytes());
    packet
}

/// An announce request, 98 bytes and the options (BEP 15, "IPv4 announce request"); its address field is 0.
pub fn announce(connection_id: u64, transaction: u32, announce: &Announce, options: &[u8]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(98 + options.len());
    write_announce(&mut packet, connection_id, transaction, announce, options);
    packet
}

/// Appends an [`announce`] request to a buffer that a load generator uses again and again.
pub fn write_announce(packet: &mut Vec<u8>, connection_id: u64, transaction: u32, announce: &Announce, options: &[u8]) {
    header(packet, connection_id, 1, transaction);
    packet.extend(announce.info_hash);
    packet.extend(announce.peer_id);
    packet.extend(announce.downloaded.to_be_bytes());
    packet.extend(announce.left.to_be_bytes());
    packet.extend(announce.uploaded.to_be_bytes());
    packet.extend(announce.event.number().to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(announce.key.to_be_bytes());
    packet.extend(announce.num_want.unwrap_or(-1).to_be_bytes());
    packet.extend(announce.port.to_be_bytes());
    packet.extend(options);
}

/// A scrape request, 16 bytes and 20 for each info hash (BEP 15, "scrape request").
pub fn scrape(connection_id: u64, transaction: u32, info_hashes: &[[u8; 20]]) -> Vec<u8> {
    let mut packet = Vec::with_capacity(16 + 20 * info_hashes.len());
    write_scrape(&mut packet, connection_id, transaction, info_hashes);
    packet
}

/// Appends a [`scrape`] request to a buffer.
pub fn write_scrape(packet: &mut Vec<u8>, connection_id: u64, transaction: u32, info_hashes: &[[u8; 20]]) {
    header(packet, connection_id, 2, transaction);
    packet.extend(info_hashes.as_flattened());
}

/// The options that carry an announce URL's path and query: type 2, in pieces of 255 bytes at most (BEP 41).
pub fn url_data(path_and_query: &str) -> Vec<u8> {
    let mut options = Vec::new();
    for piece in path_and_query.as_bytes().chunks(OPTION_PAYLOAD) {
        options.extend([2, u8::try_from(piece.len()).expect("a piece has 255 bytes at most")]);
        options.extend(piece);
    }
    options
}

fn header(packet: &mut Vec<u8>, connection_id: u64, action: u32, transaction: u32) {
    packet.extend(connection_id.to_be_bytes());
    packet.extend(action.to_be_bytes());
    packet.extend(transaction.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    const CONNECTION_ID: u64 = 0x1122_3344_5566_7788;

    /// BEP 15, "connect request".
    #[test]
    fn connect_is_sixteen_bytes() {
        assert_eq!(&connect(0x4f8c_083d), b"\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00\x4f\x8c\x08\x3d");
    }

    /// BEP 15, "IPv4 announce request".
    #[test]
    fn announce_is_ninety_eight_bytes() {
        let leaving = Announce::new(*b"hhhhhhhhhhhhhhhhhhhh", 0x1ae1)
            .peer_id(*b"-TC0001-abcdefghijkl")
            .downloaded(0x0102_0304_0506_0708)
            .left(0x1112_1314_1516_1718)
            .uploaded(0x2122_2324_2526_2728)
            .event(Event::Stopped)
            .key(0x3132_3334)
            .num_want(200);
        let expected = [
            &b"\x11\x22\x33\x44\x55\x66\x77\x88"[..],
            b"\x00\x00\x00\x01",
            b"\xa1\xb2\xc3\xd4",
            b"hhhhhhhhhhhhhhhhhhhh",
            b"-TC0001-abcdefghijkl",
            b"\x01\x02\x03\x04\x05\x06\x07\x08",
            b"\x11\x12\x13\x14\x15\x16\x17\x18",
            b"\x21\x22\x23\x24\x25\x26\x27\x28",
            b"\x00\x00\x00\x03",
            b"\x00\x00\x00\x00",
            b"\x31\x32\x33\x34",
            b"\x00\x00\x00\xc8",
            b"\x1a\xe1",
        ]
        .concat();
        assert_eq!(expected.len(), 98);
        assert_eq!(announce(CONNECTION_ID, 0xa1b2_c3d4, &leaving, &[]), expected);
        let mut used = b"before".to_vec();
        write_announce(&mut used, CONNECTION_ID, 0xa1b2_c3d4, &leaving, &[]);
        assert_eq!(used, [b"before", &expected[..]].concat());
        let longer = announce(CONNECTION_ID, 0xa1b2_c3d4, &leaving, &[0, 0]);
        assert_eq!(longer, [&expected[..], &[0, 0]].concat());
    }

    /// BEP 15: num_want is -1 by default.
    #[test]
    fn no_wish_is_minus_one() {
        let packet = announce(CONNECTION_ID, 0, &Announce::new([0; 20], 1), &[]);
        assert_eq!(packet[92..96], [0xff; 4]);
    }

    /// BEP 15, "scrape request".
    #[test]
    fn scrape_is_sixteen_bytes_and_its_hashes() {
        let header = b"\x11\x22\x33\x44\x55\x66\x77\x88\x00\x00\x00\x02\x00\x00\x00\x07";
        assert_eq!(scrape(CONNECTION_ID, 7, &[]), header);
        let expected = [&header[..], b"aaaaaaaaaaaaaaaaaaaa", b"bbbbbbbbbbbbbbbbbbbb"].concat();
        assert_eq!(scrape(CONNECTION_ID, 7, &[[b'a'; 20], [b'b'; 20]]), expected);
    }

    /// BEP 41: option type 2, a length, the data; several concatenate.
    #[test]
    fn url_data_splits_after_255_bytes() {
        assert_eq!(url_data("/announce?k=v"), b"\x02\x0d/announce?k=v");
        assert_eq!(url_data(""), b"");
        let long = url_data(&"a".repeat(256));
        assert_eq!(long.len(), 2 + 255 + 2 + 1);
        assert_eq!(long[..3], [2, 255, b'a']);
        assert_eq!(long[257..], [2, 1, b'a']);
    }
}
