//! UDP requests (BEP 15) and their options (BEP 41).

use std::net::{IpAddr, Ipv4Addr};

use chihaya::bittorrent::Family;
use chihaya::wire::udp::{ParseError, Request, url_data};

/// A datagram parses or it does not, as its length and its first 16 bytes say, and never to more than is in it.
pub(crate) fn request(datagram: &[u8]) {
    let number =
        |range| datagram.get(range).map(|bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    let (magic, action) = (number(0..8), number(8..12));
    match Request::parse(datagram) {
        Ok(Request::Connect(_)) => assert_eq!((magic, action), (Some(0x0417_2710_1980), Some(0))),
        Ok(Request::Announce { packet, options }) => {
            assert_eq!(action, Some(1));
            assert_eq!(options.len() + 98, datagram.len());
            assert_eq!(Some(packet.connection_id.0.get()), magic);
            let announce = packet.announce(IpAddr::V4(Ipv4Addr::LOCALHOST));
            assert_eq!(announce.peer.family(), Family::V4);
            assert_eq!(Some(announce.left), number(64..72));
            self::options(options);
        }
        Ok(Request::Scrape { info_hashes, .. }) => {
            assert_eq!(action, Some(2));
            assert_eq!(info_hashes.len(), (datagram.len() - 16) / 20);
        }
        Err(ParseError::Headless) => assert!(datagram.len() < 16),
        Err(ParseError::WrongMagic) => assert!(action == Some(0) && magic != Some(0x0417_2710_1980)),
        Err(ParseError::Truncated(_)) => assert!(action == Some(1) && datagram.len() < 98),
        Err(ParseError::UnknownAction(_)) => assert!(action > Some(2)),
    }
}

/// Options yield what they hold, whatever they are: read here byte by byte, as BEP 41 has it.
pub(crate) fn options(options: &[u8]) {
    let mut expected = Vec::new();
    let mut at = 0;
    while at < options.len() && options[at] != END {
        if options[at] == NOTHING {
            at += 1;
            continue;
        }
        let Some(length) = options.get(at + 1) else { break };
        let (start, end) = (at + 2, at + 2 + usize::from(*length));
        if end > options.len() {
            break;
        }
        if options[at] == URL_DATA {
            expected.push(&options[start..end]);
        }
        at = end;
    }
    assert_eq!(url_data(options).collect::<Vec<_>>(), expected);
}

const END: u8 = 0;
const NOTHING: u8 = 1;
const URL_DATA: u8 = 2;
