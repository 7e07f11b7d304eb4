//! Scrapes (BEP 15, "Scrape request").

use tracker_client::udp::packet;
use tracker_client::{Announce, Event};

use crate::{FAMILIES, client, tracker};

/// Seeders, completed, leechers of each, in the order of the request; zeros for the unknown.
#[test]
fn replies_keep_the_order_of_the_request() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let [busy, idle, unknown]: [[u8; 20]; 3] = rand::random();
        for port in 1..=3 {
            client.announce(&Announce::new(busy, port)).unwrap();
        }
        client.announce(&Announce::new(busy, 4).left(0).event(Event::Completed)).unwrap();
        client.announce(&Announce::new(busy, 5).left(0)).unwrap();
        client.announce(&Announce::new(idle, 1)).unwrap();
        let id = client.connection_id().unwrap();
        let reply = client.exchange(&packet::scrape(id, 0x7472_616e, &[idle, busy, unknown, busy])).unwrap();
        let busy = b"\0\0\0\x02\0\0\0\x01\0\0\0\x03";
        let idle = b"\0\0\0\0\0\0\0\0\0\0\0\x01";
        assert_eq!(reply, [b"\0\0\0\x02tran", &idle[..], busy, &[0; 12], busy].concat());
    }
}

/// BEP 15: "up to about 74 torrents can be scraped at once".
#[test]
fn the_first_74_torrents_are_answered() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let known: [u8; 20] = rand::random();
        client.announce(&Announce::new(known, 1)).unwrap();
        let id = client.connection_id().unwrap();
        let mut asked = vec![[0; 20]; 120];
        (asked[73], asked[74]) = (known, known);
        for (count, answered) in [(1, 1), (73, 73), (74, 74), (75, 74), (120, 74)] {
            let reply = client.exchange(&packet::scrape(id, 7, &asked[..count])).unwrap();
            assert_eq!(reply.len(), 8 + 12 * answered, "{count}");
            assert_eq!(reply[8..].chunks(12).filter(|counts| counts[11] == 1).count(), usize::from(answered == 74));
        }
    }
}

#[test]
fn a_partial_hash_is_passed_over() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let known: [u8; 20] = rand::random();
        client.announce(&Announce::new(known, 1)).unwrap();
        let id = client.connection_id().unwrap();
        let whole = packet::scrape(id, 7, &[known, known]);
        for (length, answered) in [(16, 0), (17, 0), (35, 0), (36, 1), (37, 1), (55, 1), (56, 2)] {
            let reply = client.exchange(&whole[..length]).unwrap();
            let counts = b"\0\0\0\0\0\0\0\0\0\0\0\x01".repeat(answered);
            assert_eq!(reply, [b"\0\0\0\x02\0\0\0\x07", &counts[..]].concat(), "{length}");
        }
    }
}
