//! Connecting, and what a connection id is good for (BEP 15, "UDP connections / spoofing").

use std::net::Ipv4Addr;

use proto_tests::namespace::Namespace;
use proto_tests::tracker::Tracker;
use tracker_client::Announce;
use tracker_client::udp::{Client, packet};

use crate::{CONFIGURATION, FAMILIES, client, client_from, tracker};

/// What a connect request begins with: the magic and action 0.
const CONNECT: &[u8; 12] = b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0";

/// aria2 refuses a reply of any other length; rTorrent and Transmission take an id of 0 for none.
#[test]
fn a_connect_gets_16_bytes() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        for transaction in [*b"\0\0\0\0", *b"tran", [0xff; 4]] {
            let reply = client.exchange(&[&CONNECT[..], &transaction].concat()).unwrap();
            assert_eq!(reply.len(), 16);
            assert_eq!(reply[..8], [b"\0\0\0\0", &transaction[..]].concat());
            assert_ne!(reply[8..], [0; 8]);
            assert_ne!(reply[8..], CONNECT[..8]);
        }
    }
}

/// Later extensions may make requests longer (BEP 15, "UDP tracker protocol").
#[test]
fn a_longer_connect_gets_16_bytes_too() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        for more in [1, 4, 82, 1200] {
            let reply = client.exchange(&[&CONNECT[..], b"tran", &vec![0xaa; more]].concat()).unwrap();
            assert_eq!((reply.len(), &reply[..8]), (16, &b"\0\0\0\0tran"[..]));
        }
    }
}

/// Nobody who has not shown an id is sent anything longer than what they sent, so no spoofed source is worth the trouble.
#[test]
fn what_is_no_connect_and_has_no_id_gets_silence() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        for bytes in [&b""[..], b"?", &CONNECT[..], &[CONNECT, &b"tra"[..]].concat()] {
            client.silence(bytes);
        }
        let wrong_magic = [b"\0\0\x04\x17\x27\x10\x19\x81", &CONNECT[8..], b"tran"].concat();
        client.silence(&wrong_magic);
        // The magic is no connection id either, nor is 0.
        for id in [packet::PROTOCOL_ID, 0, u64::MAX] {
            client.silence(&packet::announce(id, 1, &Announce::new([1; 20], 1), &[]));
            client.silence(&packet::announce(id, 1, &Announce::new([1; 20], 0), &[]));
            client.silence(&packet::scrape(id, 1, &[[1; 20]]));
        }
    }
}

/// Even with an id: it is cut short, or there is no such action.
#[test]
fn what_is_no_request_gets_silence() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let id = client.connect().unwrap();
        let announce = packet::announce(id, 7, &Announce::new(rand::random(), 1), &[]);
        for length in [0, 8, 12, 15, 16, 36, 96, 97] {
            client.silence(&announce[..length]);
        }
        client.silence(&packet::scrape(id, 7, &[])[..15]);
        for action in [0, 3, 4, 0x100, 0x0100_0000, u32::MAX] {
            let mut other = announce.clone();
            other[8..12].copy_from_slice(&u32::to_be_bytes(action));
            client.silence(&other);
        }
        assert_eq!(client.exchange(&announce).unwrap().len(), 20);
    }
}

/// A NAT changes ports, and a client asks for all its torrents with one id.
#[test]
fn one_id_serves_many_requests_and_every_port_of_its_client() {
    let tracker = tracker();
    for family in FAMILIES {
        let id = client(&tracker, family).connect().unwrap();
        for _ in 0..3 {
            let mut client = client(&tracker, family);
            for port in 1..=20 {
                let announce = packet::announce(id, 7, &Announce::new(rand::random(), port), &[]);
                assert_eq!(client.exchange(&announce).unwrap()[..4], [0, 0, 0, 1]);
                assert_eq!(client.exchange(&packet::scrape(id, 7, &[[1; 20]])).unwrap()[..4], [0, 0, 0, 2]);
            }
        }
    }
}

/// libtorrent keeps using one as it has another; rTorrent connects before every announce.
#[test]
fn a_new_id_leaves_the_old_one_valid() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let old = client.connect().unwrap();
        let new = client.connect().unwrap();
        for id in [old, new, old] {
            assert_eq!(client.exchange(&packet::scrape(id, 7, &[])).unwrap(), b"\0\0\0\x02\0\0\0\x07");
        }
    }
}

#[test]
fn an_id_is_worth_nothing_at_another_ipv4_address() {
    let tracker = tracker();
    let id = client_from(&tracker, Ipv4Addr::new(127, 0, 0, 1).into()).connect().unwrap();
    let mut stranger = client_from(&tracker, Ipv4Addr::new(127, 0, 0, 2).into());
    stranger.silence(&packet::announce(id, 7, &Announce::new([1; 20], 1), &[]));
    stranger.silence(&packet::scrape(id, 7, &[[1; 20]]));
    // An error would also tell a source that has shown nothing.
    stranger.silence(&packet::announce(id, 7, &Announce::new([1; 20], 0), &[]));
}

/// libtorrent keeps an id per tracker, not per address of its own, and privacy addresses change within a /64.
///
/// Needs root.
#[test]
fn an_ipv6_id_is_worth_its_64() {
    let namespace = Namespace::new("ids");
    let hosts = ["2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::1"];
    hosts.iter().for_each(|host| namespace.ip(&format!("address add {host}/128 dev lo nodad")));
    namespace.run(|| {
        let tracker = Tracker::start(CONFIGURATION);
        let [mut client, mut neighbour, mut stranger] =
            hosts.map(|host| client_from(&tracker, host.parse().expect("an address")));
        let scrape = |client: &mut Client, id| client.exchange(&packet::scrape(id, 7, &[]));
        let id = client.connect().expect("an id");
        assert_eq!(scrape(&mut neighbour, id).expect("an answer"), b"\0\0\0\x02\0\0\0\x07");
        stranger.silence(&packet::scrape(id, 7, &[[1; 20]]));
    });
}

/// An id of one tracker, or of one before its restart, is none of another's.
#[test]
fn secrets_are_a_trackers_own() {
    let (one, other) = (tracker(), Tracker::start(CONFIGURATION));
    for family in FAMILIES {
        let id = client(&one, family).connect().unwrap();
        client(&other, family).silence(&packet::scrape(id, 7, &[[1; 20]]));
    }
}
