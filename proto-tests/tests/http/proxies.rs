//! Whose word is taken for where a client is.

use std::net::SocketAddr;

use proto_tests::tracker::Tracker;
use tracker_client::http::Client;
use tracker_client::{Announce, Announced, Failure, Family, RetryIn};

use crate::{CONFIGURATION, FAMILIES, client, tracker};

/// Trusts the loopback, as if a proxy ran beside the tracker.
fn behind_a_proxy(more: &str) -> Tracker {
    let listen = r#"listen = ["127.0.0.1:0", "[::1]:0"]"#;
    let trusting = format!("{listen}\ntrusted_proxies = [\"127.0.0.0/8\", \"::1/128\"]");
    let configuration = CONFIGURATION.replace(listen, &trusting).replace("[tracker]", &format!("[tracker]\n{more}"));
    Tracker::start(&configuration)
}

/// Announces in the name of another.
fn announce(tracker: &Tracker, family: Family, forwarded: &str, announce: &Announce) -> Result<Announced, Failure> {
    named(client(tracker, family), forwarded).announce("/announce", announce)
}

fn peer(host: &str, port: u16) -> SocketAddr {
    SocketAddr::new(host.parse().expect("an address"), port)
}

fn named(client: Client, forwarded: &str) -> Client {
    client.header("X-Forwarded-For", forwarded)
}

/// What its own clients claim stands to the left of what the proxy has seen. Families are the client's, not the proxy's.
#[test]
fn the_right_most_hop_behind_trusted_proxies_is_the_client() {
    let tracker = behind_a_proxy("");
    let hops = [
        ("203.0.113.5", "203.0.113.5"),
        ("198.51.100.1, 203.0.113.5", "203.0.113.5"),
        ("junk, 203.0.113.5:4711, 127.0.0.9", "203.0.113.5"),
        ("2001:db8::5", "2001:db8::5"),
        ("203.0.113.5, [2001:db8::5]:4711, ::1", "2001:db8::5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
    ];
    for family in FAMILIES {
        for (forwarded, address) in hops {
            let torrent = rand::random();
            let announced = announce(&tracker, family, forwarded, &Announce::new(torrent, 6881)).unwrap();
            assert_eq!(announced.external_ip, Some(address.parse().unwrap()), "{forwarded}");
            let other = announce(&tracker, family, forwarded, &Announce::new(torrent, 6882)).unwrap();
            assert_eq!(other.peers, [peer(address, 6881)], "{forwarded}");
            let scraped = named(client(&tracker, family), forwarded).scrape("/scrape", &[torrent]).unwrap();
            assert_eq!(scraped[0].leechers, 2, "{forwarded}");
        }
    }
}

/// What other headers say does not count.
#[test]
fn the_header_is_the_configured_one() {
    let trusting = "[http]\ntrusted_proxies = [\"127.0.0.0/8\", \"::1/128\"]\nreal_ip_header = \"X-Real-Ip\"";
    let tracker = Tracker::start(&CONFIGURATION.replace("[http]", trusting));
    for family in FAMILIES {
        let mut client = named(client(&tracker, family), "198.51.100.1").header("X-REAL-IP", "203.0.113.5");
        let announced = client.announce("/announce", &Announce::new(rand::random(), 1)).unwrap();
        assert_eq!(announced.external_ip, Some([203, 0, 113, 5].into()));
    }
}

/// Anyone can write a header.
#[test]
fn nobody_else_is_believed() {
    let tracker = tracker();
    for family in FAMILIES {
        let mut client = client(&tracker, family);
        let own = client.local_addr().unwrap().ip();
        let announced = announce(&tracker, family, "203.0.113.5", &Announce::new(rand::random(), 1)).unwrap();
        assert_eq!(announced.external_ip, Some(own));
    }
}

/// No peer can be there, and a swarm sent there would trouble others.
#[test]
fn unspecified_multicast_and_broadcast_sources_are_refused() {
    let tracker = behind_a_proxy("");
    let rejected = Failure::Rejected { reason: "invalid address".into(), retry_in: Some(RetryIn::Never) };
    for family in FAMILIES {
        for source in ["0.0.0.0", "224.0.0.1", "239.255.255.250", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0"]
        {
            let torrent = rand::random();
            let refused = announce(&tracker, family, source, &Announce::new(torrent, 1));
            assert_eq!(refused, Err(rejected.clone()), "{source}");
            let scraped = client(&tracker, family).scrape("/scrape", &[torrent]).unwrap();
            assert_eq!(scraped[0].leechers, 0, "{source}");
        }
    }
}

/// A tracker on the Internet has no use for addresses that mean something else to each of its clients.
#[test]
fn private_sources_are_served_and_stored_unless_configured_otherwise() {
    let sources = ["10.1.2.3", "192.168.1.1", "169.254.0.9", "100.64.0.1", "fd00::1", "fe80::1"];
    let public = |source: &str| if source.contains(':') { "2001:db8::5" } else { "203.0.113.5" };
    for (more, stored) in [("", 1), ("store_private_addresses = false", 0)] {
        let tracker = behind_a_proxy(more);
        for source in sources {
            let torrent = rand::random();
            let private = Announce::new(torrent, 1);
            announce(&tracker, Family::V4, source, &private).unwrap();
            let another = announce(&tracker, Family::V4, public(source), &Announce::new(torrent, 2)).unwrap();
            assert_eq!((another.leechers, another.peers.len()), (1 + stored, stored as usize), "{source} {more}");
            let answered = announce(&tracker, Family::V4, source, &private).unwrap();
            assert_eq!(answered.peers, [peer(public(source), 2)], "{source} {more}");
        }
    }
}
