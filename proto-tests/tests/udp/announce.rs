//! Announces and their replies (BEP 15, "IPv4 announce request", "IPv6").

use std::collections::BTreeSet;

use proto_tests::failing::FAILS;
use proto_tests::tracker::Tracker;
use tracker_client::udp::packet;
use tracker_client::{Announce, Event, Failure, Family, Scraped};

use crate::{FAMILIES, client, compact, loopback, tracker};

/// 30 minutes.
const INTERVAL: [u8; 4] = [0, 0, 7, 8];

/// Action, transaction, interval, then leechers before seeders, then peers of the source's family.
#[test]
fn replies_are_as_bep_15_draws_them() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let id = client.connect().unwrap();
        let info_hash = rand::random();
        let mut ask = |announce| client.exchange(&packet::announce(id, 0x7472_616e, &announce, &[])).unwrap();
        let head = [b"\0\0\0\x01tran", &INTERVAL[..]].concat();
        let seeder = Announce::new(info_hash, 0x1111).left(0).event(Event::Started);
        assert_eq!(ask(seeder), [&head[..], b"\0\0\0\0\0\0\0\x01"].concat());
        let leecher = Announce::new(info_hash, 0x2222);
        let peer = compact(loopback(family), 0x1111);
        assert_eq!(peer.len(), if family == Family::V4 { 6 } else { 18 });
        assert_eq!(ask(leecher.clone()), [&head[..], b"\0\0\0\x01\0\0\0\x01", &peer].concat());
        let another = Announce::new(info_hash, 0x3333);
        assert_eq!(ask(another)[..20], [&head[..], b"\0\0\0\x02\0\0\0\x01"].concat());
        assert_eq!(ask(leecher.event(Event::Stopped)), [&head[..], b"\0\0\0\x01\0\0\0\x01"].concat());
    }
}

/// BEP 15, "Errors": text to the end of the packet. On leaving, a port matters to nobody.
#[test]
fn port_0_is_an_error_unless_the_client_leaves() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let id = client.connect().unwrap();
        let info_hash = rand::random();
        for event in [Event::None, Event::Started, Event::Completed, Event::Paused, Event::Other(9)] {
            let packet = packet::announce(id, 0x7472_616e, &Announce::new(info_hash, 0).event(event), &[]);
            assert_eq!(client.exchange(&packet).unwrap(), b"\0\0\0\x03traninvalid port");
        }
        let leaving = Announce::new(info_hash, 0).event(Event::Stopped);
        let packet = packet::announce(id, 0x7472_616e, &leaving, &[]);
        assert_eq!(client.exchange(&packet).unwrap(), [b"\0\0\0\x01tran", &INTERVAL[..], &[0; 8]].concat());
        assert_eq!(client.scrape(&[info_hash]).unwrap(), [Scraped::default()]);
    }
}

/// Believing the address would make the tracker send swarms to a victim; aria2 draws a new key for every request.
#[test]
fn the_address_and_the_key_in_a_packet_are_ignored() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let id = client.connect().unwrap();
        let info_hash = rand::random();
        for key in [0_u32, 1, u32::MAX] {
            let mut packet = packet::announce(id, 7, &Announce::new(info_hash, 0x1111).key(key), &[]);
            packet[84..88].copy_from_slice(&[203, 0, 113, 9]);
            assert_eq!(client.exchange(&packet).unwrap().len(), 20);
        }
        let reply = client.exchange(&packet::announce(id, 7, &Announce::new(info_hash, 0x2222), &[])).unwrap();
        assert_eq!(reply[20..], compact(loopback(family), 0x1111));
    }
}

/// Nor does it matter what has been moved, even impossible numbers.
#[test]
fn uploaded_and_downloaded_are_ignored() {
    let tracker = tracker();
    let mut client = client(&tracker, Family::V4);
    let announce = Announce::new(rand::random(), 1).uploaded(u64::MAX).downloaded(u64::MAX).left(0);
    let announced = client.announce(&announce).unwrap();
    assert_eq!((announced.seeders, announced.leechers), (1, 0));
}

/// 1220 bytes to IPv4 and 1226 to IPv6: neither is cut into fragments on its way, not even across a tunnel to IPv6.
#[test]
fn a_reply_fits_one_packet() {
    let tracker = tracker();
    for (family, most, length) in [(Family::V4, 200, 1220), (Family::V6, 67, 1226)] {
        let mut client = client(&tracker, family);
        let info_hash = rand::random();
        for port in 1..=250 {
            client.announce(&Announce::new(info_hash, port).num_want(0)).unwrap();
        }
        let id = client.connection_id().unwrap();
        for num_want in [200, 201, 1000, i32::MAX] {
            let asks = Announce::new(info_hash, 1000).num_want(num_want);
            assert_eq!(client.exchange(&packet::announce(id, 7, &asks, &[])).unwrap().len(), length, "{num_want}");
        }
        let mut announced = client.announce(&Announce::new(info_hash, 1000).num_want(200)).unwrap();
        announced.peers.dedup();
        assert_eq!((announced.peers.len(), announced.leechers), (most, 251));
        let few = client.announce(&Announce::new(info_hash, 1000).num_want(1)).unwrap();
        assert_eq!(few.peers.len(), 1);
    }
}

/// BEP 15, "Time outs": a client that has not heard sends the same datagram again; some do so after seconds.
#[test]
fn the_same_datagram_again_gets_the_same_reply() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let id = client.connect().unwrap();
        let info_hash = rand::random();
        for event in [Event::Started, Event::Completed, Event::Paused, Event::Stopped] {
            let packet = packet::announce(id, 7, &Announce::new(info_hash, 1).left(0).event(event), &[]);
            let reply = client.exchange(&packet).unwrap();
            for _ in 0..3 {
                assert_eq!(client.exchange(&packet).unwrap(), reply, "{event:?}");
            }
        }
        client.announce(&Announce::new(info_hash, 2)).unwrap();
        assert_eq!(client.scrape(&[info_hash]).unwrap()[0].completed, 0, "it was there as a seeder first");
    }
}

/// BEP 15, "Errors". Another torrent's request beside it is answered.
#[test]
fn a_store_that_fails_is_an_error() {
    let failing = format!("{}[storage]\ndriver = \"failing\"\n", crate::CONFIGURATION);
    let tracker = Tracker::start_with_test_drivers(&failing);
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let id = client.connect().unwrap();
        let error = b"\0\0\0\x03trantracker overloaded, try again later";
        let announce = packet::announce(id, 0x7472_616e, &Announce::new(FAILS.0, 1), &[]);
        assert_eq!(client.exchange(&announce).unwrap(), error);
        let scrape = packet::scrape(id, 0x7472_616e, &[[1; 20], FAILS.0]);
        assert_eq!(client.exchange(&scrape).unwrap(), error);
        assert_eq!(client.announce(&Announce::new([1; 20], 1)).unwrap().leechers, 1);
    }
}

/// So that clients which came together do not come back together: half an hour, a tenth more or less.
#[test]
fn intervals_differ() {
    let tracker = Tracker::start(&crate::CONFIGURATION.replace("interval_jitter = 0.0", ""));
    let mut client = client(&tracker, Family::V4);
    let interval = |_| client.announce(&Announce::new([1; 20], 1)).map(|announced| announced.interval);
    let intervals: Result<BTreeSet<_>, Failure> = (0..200).map(interval).collect();
    let intervals = intervals.unwrap();
    let (first, last) = (*intervals.first().unwrap(), *intervals.last().unwrap());
    assert!((1620..1700).contains(&first) && (1900..=1980).contains(&last), "{first} to {last}");
    assert!(intervals.len() > 50, "{intervals:?}");
}
