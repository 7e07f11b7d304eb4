use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;
use crate::bittorrent::Family;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// The torrent of the recorded queries.
const INFO_HASH: InfoHash = InfoHash(*b"Y\x18[~\xab\x81\xb3\xf0\xeb\xbeL\xd5\x8a\xc4B\x13\xb1]\xc6U");

/// The three things that every announce must bring.
const REQUIRED: &str = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-bbbbbbbbbbbb&port=6881";

fn parse(query: impl AsRef<[u8]>) -> Result<AnnounceRequest, RequestError> {
    AnnounceRequest::parse(query.as_ref(), CLIENT)
}

/// The announce of a query that brings what is required and `more`.
fn with(more: &str) -> Announce {
    parse(format!("{REQUIRED}&{more}")).unwrap().announce
}

fn recorded(peer_id: &[u8; 20], port: u16) -> Announce {
    Announce {
        info_hash: INFO_HASH,
        peer_id: PeerId(*peer_id),
        peer: Endpoint::new(CLIENT, port),
        left: 50_000,
        event: Event::Started,
        num_want: None,
    }
}

/// BEP 3, "Trackers": mixed escapes and literals, and a `key` of raw bytes (aria2 1.36).
#[test]
fn aria2_is_understood() {
    let query = "info_hash=Y%18%5B~%AB%81%B3%F0%EB%BEL%D5%8A%C4B%13%B1%5D%C6U\
        &peer_id=A2-1-36-0-%C3%E1k%B5%B8%BF%5Di%BEl&uploaded=0&downloaded=0&left=50000&compact=1\
        &key=k%B5%B8%BF%5Di%BEl&numwant=50&no_peer_id=1&port=25738&event=started&supportcrypto=1";
    let started = recorded(b"A2-1-36-0-\xc3\xe1k\xb5\xb8\xbf]i\xbel", 25_738);
    let started = Announce { num_want: Some(50), ..started };
    assert_eq!(parse(query), Ok(AnnounceRequest { announce: started, peer_form: PeerForm::Compact }));

    let renewal = query.replace("&event=started", "");
    assert_eq!(parse(renewal).unwrap().announce, Announce { event: Event::None, ..started });

    let leaving = query.replace("started", "stopped").replace("numwant=50", "numwant=0");
    let stopped = Announce { event: Event::Stopped, num_want: Some(0), ..started };
    assert_eq!(parse(leaving).unwrap().announce, stopped);
}

/// BEP 3, "Trackers": lower-case escapes (libtorrent 2.0.8).
#[test]
fn libtorrent_is_understood() {
    let query = "info_hash=Y%18%5b~%ab%81%b3%f0%eb%beL%d5%8a%c4B%13%b1%5d%c6U&peer_id=-LT2080-AV~x3LFkRQTq\
        &port=20741&uploaded=0&downloaded=0&left=50000&corrupt=0&key=7594DA09&event=started&numwant=200&compact=1\
        &no_peer_id=1&supportcrypto=1&redundant=0";
    let announce = Announce { num_want: Some(200), ..recorded(b"-LT2080-AV~x3LFkRQTq", 20_741) };
    assert_eq!(parse(query), Ok(AnnounceRequest { announce, peer_form: PeerForm::Compact }));
}

/// BEP 3, "Trackers": everything but letters and digits escaped (Enhanced CTorrent).
#[test]
fn ctorrent_is_understood() {
    let query = "info_hash=Y%18%5B%7E%AB%81%B3%F0%EB%BEL%D5%8A%C4B%13%B1%5D%C6U\
        &peer_id=%2DCD0303%2DW%D7%1F%A8%FE%8E%EE%E1%19%C4%F5%02&port=27309&key=6RPU2QAR&event=started&uploaded=0\
        &downloaded=0&left=50000&compact=1&numwant=100";
    let announce = recorded(b"-CD0303-W\xd7\x1f\xa8\xfe\x8e\xee\xe1\x19\xc4\xf5\x02", 27_309);
    assert_eq!(parse(query).unwrap().announce, Announce { num_want: Some(100), ..announce });
}

/// BEP 3, "Trackers", and BEP 48 (Transmission 3.00).
#[test]
fn transmission_is_understood() {
    let query = "info_hash=Y%18%5b~%ab%81%b3%f0%eb%beL%d5%8a%c4B%13%b1%5d%c6U&peer_id=-TR3000-elix7s3w05mx\
        &port=21739&uploaded=0&downloaded=0&left=50000&numwant=80&key=65ea2917&compact=1&supportcrypto=1&event=started";
    let announce = Announce { num_want: Some(80), ..recorded(b"-TR3000-elix7s3w05mx", 21_739) };
    assert_eq!(parse(query).unwrap().announce, announce);

    let scrape = ScrapeRequest::parse(b"info_hash=Y%18%5b~%ab%81%b3%f0%eb%beL%d5%8a%c4B%13%b1%5d%c6U");
    assert_eq!(scrape, Ok(ScrapeRequest { info_hashes: vec![INFO_HASH] }));
}

#[test]
fn a_query_may_be_untidy() {
    let tidy = parse(REQUIRED);
    assert_eq!(tidy.unwrap().announce.left, u64::MAX);
    for query in [
        format!("&&{REQUIRED}&"),
        REQUIRED.replace('&', "&=&"),
        format!("=x&{REQUIRED}&key&info_hash2=x&INFO_HASH=x&Port=1&event"),
        format!("{REQUIRED}&key=%zz%&trackerid=\u{fffd}"),
    ] {
        assert_eq!(parse(&query), tidy, "{query}");
    }
}

/// BEP 7 and BEP 3 let clients name other addresses than the one they come from; believing them would let anyone point a
/// swarm at a victim.
#[test]
fn the_address_is_that_of_the_connection() {
    let claims = with("ip=203.0.113.9&ipv4=203.0.113.9:80&ipv6=[2001:db8::9]:80&ip=None&ip=tracker.example");
    assert_eq!(claims.peer, Endpoint::new(CLIENT, 6881));
    let v6 = IpAddr::from(Ipv6Addr::LOCALHOST);
    let announce = AnnounceRequest::parse(REQUIRED.as_bytes(), v6).unwrap().announce;
    assert_eq!((announce.peer.family(), announce.peer.address()), (Family::V6, v6));
}

#[test]
fn an_info_hash_is_20_bytes_once_with_whole_escapes() {
    let rest = "&peer_id=-XX0001-bbbbbbbbbbbb&port=1";
    assert_eq!(parse(&rest[1..]), Err(RequestError::MissingInfoHash));
    for value in ["", "aaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaa%", "aaaaaaaaaaaaaaaaaaa%4"] {
        assert_eq!(parse(format!("info_hash={value}{rest}")), Err(RequestError::InvalidInfoHash), "{value}");
    }
    for value in
        ["aaaaaaaaaaaaaaaaaaa%4g", "aaaaaaaaaaaaaaaaaaa%+4", "aaaaaaaaaaaaaaaaaaaa%", "%61%zzaaaaaaaaaaaaaaaaaaa"]
    {
        assert_eq!(parse(format!("info_hash={value}{rest}")), Err(RequestError::InvalidInfoHash), "{value}");
    }
    assert_eq!(parse(format!("info_hash{rest}")), Err(RequestError::InvalidInfoHash));
    let twice = format!("{REQUIRED}&info_hash=aaaaaaaaaaaaaaaaaaaa");
    assert_eq!(parse(twice), Err(RequestError::RepeatedInfoHash));
}

/// RFC 3986, section 2.1. Some clients leave such bytes of an id as they are.
#[test]
fn a_plus_is_a_plus_and_an_equals_sign_may_stand_in_a_value() {
    let query = "info_hash=+%2b%2Baaaaaaaaaaaaaaaa=&peer_id=-XX0001-=bbbbbbbbbb+&port=1";
    let announce = parse(query).unwrap().announce;
    assert_eq!(announce.info_hash, InfoHash(*b"+++aaaaaaaaaaaaaaaa="));
    assert_eq!(announce.peer_id, PeerId(*b"-XX0001-=bbbbbbbbbb+"));
}

#[test]
fn a_peer_id_and_a_port_are_required() {
    for query in [
        "info_hash=aaaaaaaaaaaaaaaaaaaa&port=1",
        "info_hash=aaaaaaaaaaaaaaaaaaaa&port=1&peer_id=-XX0001-",
        "info_hash=aaaaaaaaaaaaaaaaaaaa&port=1&peer_id=-XX0001-bbbbbbbbbbbbb",
        "info_hash=aaaaaaaaaaaaaaaaaaaa&port=1&peer_id=-XX0001-bbbbbbbbbbb%",
    ] {
        assert_eq!(parse(query), Err(RequestError::PeerId), "{query}");
    }
    let rest = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=-XX0001-bbbbbbbbbbbb";
    assert_eq!(parse(rest), Err(RequestError::Port));
    for port in ["", "65536", "-1", "+1", "1.0", "http", "0x50", "99999999999999999999", "%3"] {
        assert_eq!(parse(format!("{rest}&port={port}")), Err(RequestError::Port), "{port}");
    }
    for (text, port) in [("0", 0), ("1", 1), ("65535", 65_535), ("006881", 6_881), ("%368%381", 6_881)] {
        assert_eq!(parse(format!("{rest}&port={text}")).unwrap().announce.peer.port(), port);
    }
}

/// Clients have sent all of these; none is worth losing a peer.
#[test]
fn a_strange_left_makes_a_leecher() {
    for left in ["left", "left=", "left=-1", "left=+5", "left=x", "left=18446744073709551616", "left=%", "left=1e3"] {
        assert_eq!(with(left).left, u64::MAX, "{left}");
    }
    for (text, left) in [("left=0", 0), ("left=16384", 16_384), ("left=18446744073709551615", u64::MAX)] {
        assert_eq!(with(text).left, left);
    }
    assert_eq!(with("left=0&uploaded=-1&downloaded=junk"), with("left=0"));
}

/// BEP 3, "Trackers"; BEP 21 for `paused`.
#[test]
fn events_are_words_and_unknown_ones_are_none() {
    let known = [
        ("started", Event::Started),
        ("completed", Event::Completed),
        ("stopped", Event::Stopped),
        ("paused", Event::Paused),
        ("%73topped", Event::Stopped),
    ];
    for (text, event) in known {
        assert_eq!(with(&format!("event={text}")).event, event);
    }
    for text in ["", "empty", "Started", "stoppedd", "stop", "%", "started%"] {
        assert_eq!(with(&format!("event={text}")).event, Event::None, "{text}");
    }
}

#[test]
fn num_want_is_a_number_or_left_to_the_tracker() {
    let numbers = [("0", 0), ("1", 1), ("200", 200), ("4294967295", u32::MAX), ("4294967296", u32::MAX)];
    for (text, num_want) in numbers {
        assert_eq!(with(&format!("numwant={text}")).num_want, Some(num_want));
    }
    for text in ["", "-1", "many", "18446744073709551616"] {
        assert_eq!(with(&format!("numwant={text}")).num_want, None, "{text}");
    }
}

/// BEP 23: compact unless declined.
#[test]
fn peers_are_compact_unless_declined() {
    let form = |more: &str| parse(format!("{REQUIRED}&{more}")).unwrap().peer_form;
    assert_eq!(form("compact=0"), PeerForm::Dictionaries);
    for more in ["", "compact=1", "compact=", "compact", "compact=00", "no_peer_id=1"] {
        assert_eq!(form(more), PeerForm::Compact, "{more}");
    }
}

/// BEP 48: `info_hash` may be given several times.
#[test]
fn a_scrape_asks_for_each_torrent_once_in_order() {
    let query = b"info_hash=bbbbbbbbbbbbbbbbbbbb&x=1&info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=%62bbbbbbbbbbbbbbbbbbb";
    let info_hashes = vec![InfoHash([b'a'; 20]), InfoHash([b'b'; 20])];
    assert_eq!(ScrapeRequest::parse(query), Ok(ScrapeRequest { info_hashes }));
}

#[test]
fn a_scrape_of_everything_or_of_junk_is_refused() {
    for query in ["", "&", "x=1", "infohash=aaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(ScrapeRequest::parse(query.as_bytes()), Err(RequestError::MissingInfoHash), "{query}");
    }
    for query in ["info_hash", "info_hash=aa", "info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=%zz"] {
        assert_eq!(ScrapeRequest::parse(query.as_bytes()), Err(RequestError::InvalidInfoHash), "{query}");
    }
}

proptest! {
    /// RFC 3986, section 2.1: however a client spells them, they are the same 20 bytes.
    #[test]
    fn every_spelling_of_an_id_is_that_id(bytes: [u8; 20], styles: [u8; 20]) {
        let spelling: Vec<u8> = iter::zip(bytes, styles)
            .flat_map(|(byte, style)| match style % 3 {
                0 if !b"%&".contains(&byte) => vec![byte],
                1 => format!("%{byte:02x}").into_bytes(),
                _ => format!("%{byte:02X}").into_bytes(),
            })
            .collect();
        prop_assert_eq!(id(&spelling), Some(bytes));
    }

    #[test]
    fn no_query_is_too_strange(query: Vec<u8>, dense in "[a&=%0+]{0,60}") {
        for query in [&query[..], dense.as_bytes(), format!("info_hash={dense}&port={dense}").as_bytes()] {
            let _ = (parse(query), ScrapeRequest::parse(query));
        }
    }
}
