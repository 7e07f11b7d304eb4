//! What replies look like. The client's decoder refuses unsorted keys, chunks and bytes behind the end.

use proto_tests::failing::FAILS;
use proto_tests::tracker::Tracker;
use tracker_client::http::percent_encode;
use tracker_client::{Announce, Event, Failure, Family, RetryIn};

use crate::{CONFIGURATION, FAMILIES, client, text, torrent, tracker};

fn announce(torrent: &str, port: u16, more: &str) -> String {
    format!("/announce?info_hash={torrent}&peer_id=-XX0001-bbbbbbbbbbbb&port={port}&left=1{more}")
}

const V6_ADDRESS: &str = r"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01";

/// BEP 3, with BEP 23 for `peers`, BEP 7 for `peers6`, BEP 24 for `external ip`: every key, in its place.
///
/// rTorrent fails without `peers`.
#[test]
fn an_announce_gets_every_key_in_order() {
    let tracker = tracker();
    let torrent = torrent();
    let [mut v4, mut v6] = FAMILIES.map(|family| client(&tracker, family));
    let head = |address: &str, length, leechers| {
        format!(
            "d8:completei0e10:downloadedi0e11:external ip{length}:{address}10:incompletei{leechers}e\
             8:intervali1800e12:min intervali900e5:peers"
        )
    };
    let (v4_head, v6_head) = (|n| head(r"\x7f\x00\x00\x01", 4, n), |n| head(V6_ADDRESS, 16, n));
    assert_eq!(text(&mut v4, &announce(&torrent, 0x1111, "")), v4_head(1) + "0:e");
    let v4_peer = r"6:\x7f\x00\x00\x01\x11\x11";
    assert_eq!(text(&mut v6, &announce(&torrent, 0x1313, "")), v6_head(1) + &format!("{v4_peer}6:peers60:e"));
    let v6_peer = format!(r"18:{V6_ADDRESS}\x13\x13");
    let both = format!("{v4_peer}6:peers6{v6_peer}e");
    assert_eq!(text(&mut v4, &announce(&torrent, 0x1414, "")), v4_head(2) + &both);
    text(&mut v4, &announce(&torrent, 0x1414, "&event=stopped"));
    assert_eq!(text(&mut v6, &announce(&torrent, 0x1414, "")), v6_head(2) + &both);
    assert_eq!(text(&mut v4, &announce(&torrent, 0x1111, "&numwant=0")), v4_head(1) + "0:e");
}

/// BEP 3: one list for both families. No peer ids are kept, so there is nothing that `no_peer_id` could leave out.
#[test]
fn peers_are_dictionaries_for_clients_that_decline_compact_ones() {
    let tracker = tracker();
    let torrent = torrent();
    let [mut v4, mut v6] = FAMILIES.map(|family| client(&tracker, family));
    text(&mut v4, &announce(&torrent, 7001, ""));
    text(&mut v6, &announce(&torrent, 7002, ""));
    for more in ["&compact=0", "&compact=0&no_peer_id=1"] {
        let reply = text(&mut v4, &announce(&torrent, 7003, more));
        assert!(reply.ends_with("5:peersld2:ip9:127.0.0.14:porti7001eed2:ip3:::14:porti7002eeee"), "{reply}");
    }
    assert!(text(&mut v4, &announce(&torrent, 7003, "&compact=0&event=stopped")).ends_with("5:peerslee"));
    for more in ["", "&compact=1", "&compact", "&compact=yes"] {
        let reply = text(&mut v4, &announce(&torrent, 7003, more));
        assert!(reply.contains(r"5:peers6:\x7f\x00\x00\x01\x1bY6:peers618:"), "{more}: {reply}");
    }
}

/// BEP 48, with BEP 21's `downloaders`: raw keys, sorted, each once; zeros for the unknown.
#[test]
fn a_scrape_gets_every_torrent_once_in_order() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let mut torrents: [[u8; 20]; 3] = rand::random();
        torrents.sort_unstable();
        let [first, unknown, last] = torrents;
        client.announce("/announce", &Announce::new(first, 1)).unwrap();
        client.announce("/announce", &Announce::new(first, 2).event(Event::Paused)).unwrap();
        client.announce("/announce", &Announce::new(last, 1).left(0).event(Event::Completed)).unwrap();
        let asked = [last, unknown, first, last].map(|torrent| format!("info_hash={}", percent_encode(torrent)));
        let reply = client.get(&format!("/scrape?{}", asked.join("&"))).unwrap();
        let file = |torrent: [u8; 20], counts: [u8; 4]| {
            let [complete, downloaded, downloaders, incomplete] = counts;
            let counts = format!(
                "d8:completei{complete}e10:downloadedi{downloaded}e11:downloadersi{downloaders}e\
                 10:incompletei{incomplete}ee"
            );
            [b"20:", &torrent[..], counts.as_bytes()].concat()
        };
        let files = [file(first, [0, 0, 1, 2]), file(unknown, [0; 4]), file(last, [1, 1, 0, 0])].concat();
        let expected = [b"d5:filesd", &files[..], b"e5:flagsd20:min_request_intervali900eee"].concat();
        assert_eq!(reply.body.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}

/// A scrape of everything would give away every torrent, at the cost of a large reply.
#[test]
fn a_scrape_of_everything_is_refused() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        client.announce("/announce", &Announce::new(rand::random(), 1)).unwrap();
        for target in ["/scrape", "/scrape?", "/scrape?x=1", "/scrape?infohash=aaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(text(&mut client, target), "d14:failure reason17:missing info_hash8:retry in5:nevere");
        }
    }
}

/// BEP 31: minutes, where another try may succeed.
#[test]
fn an_overloaded_tracker_says_when_to_come_back() {
    let failing = format!("{CONFIGURATION}[storage]\ndriver = \"failing\"\n");
    let tracker = Tracker::start_with_test_drivers(&failing);
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let reason = "tracker overloaded, try again later".to_owned();
        let overloaded = Failure::Rejected { reason, retry_in: Some(RetryIn::Minutes(5)) };
        assert_eq!(client.announce("/announce", &Announce::new(FAILS.0, 1)), Err(overloaded.clone()));
        assert_eq!(client.scrape("/scrape", &[[1; 20], FAILS.0]), Err(overloaded));
        assert_eq!(client.announce("/announce", &Announce::new([1; 20], 1)).unwrap().leechers, 1);
    }
}

/// The minimum is a request; a client that has just lost its peers may be back at once.
#[test]
fn an_announce_before_its_time_is_served() {
    let tracker = tracker();
    let mut client = client(&tracker, Family::V4);
    let torrent = rand::random();
    for _ in 0..10 {
        let announced = client.announce("/announce", &Announce::new(torrent, 1)).unwrap();
        assert_eq!((announced.min_interval, announced.interval, announced.leechers), (Some(900), 1800, 1));
    }
}
