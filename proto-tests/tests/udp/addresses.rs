//! From which address a reply comes, and which family a source is.

use std::net::{IpAddr, SocketAddr};

use proto_tests::namespace::Namespace;
use proto_tests::tracker::Tracker;
use tracker_client::udp::{Client, packet};
use tracker_client::{Announce, Family};

use crate::{PATIENCE, compact, loopback, tracker};

/// The addresses most trackers have.
const WILDCARDS: &str = r#"
[server]
workers = 2
[udp]
listen = ["0.0.0.0:0", "[::]:0"]
[http]
listen = []
"#;

/// libtorrent and aria2 drop a reply from elsewhere; so does the client here, whose socket is connected.
#[test]
fn replies_leave_from_the_ipv4_address_that_was_asked() {
    let tracker = Tracker::start(WILDCARDS);
    let port = tracker.udp(Family::V4).port();
    for asked in ["127.0.0.1", "127.0.0.2", "127.9.9.9", "127.255.255.254"] {
        converse(loopback(Family::V4), SocketAddr::new(asked.parse().unwrap(), port));
    }
}

/// Needs root: an ordinary loopback interface has one IPv6 address only.
#[test]
fn replies_leave_from_the_ipv6_address_that_was_asked() {
    let namespace = Namespace::new("wildcard");
    let hosts = ["2001:db8:1::1", "2001:db8:2::2"];
    hosts.iter().for_each(|host| namespace.ip(&format!("address add {host}/128 dev lo nodad")));
    namespace.run(|| {
        let tracker = Tracker::start(WILDCARDS);
        let port = tracker.udp(Family::V6).port();
        for source in ["::1", "2001:db8:1::1"] {
            for asked in ["::1", "2001:db8:1::1", "2001:db8:2::2"] {
                let asked = asked.parse().expect("an address");
                converse(source.parse().expect("an address"), SocketAddr::new(asked, port));
            }
        }
        // The other family beside it, on a socket of its own.
        let asked = "127.0.0.2".parse().expect("an address");
        converse(loopback(Family::V4), SocketAddr::new(asked, tracker.udp(Family::V4).port()));
    });
}

/// Every kind of reply: connect, announce, scrape, error.
fn converse(source: IpAddr, asked: SocketAddr) {
    let mut client = Client::new(source, asked, PATIENCE).expect("a socket");
    let info_hash = rand::random();
    let announced = client.announce(&Announce::new(info_hash, 1)).unwrap_or_else(|error| panic!("{asked}: {error}"));
    assert_eq!(announced.leechers, 1);
    assert_eq!(client.scrape(&[info_hash]).expect("an answer")[0].leechers, 1);
    assert!(client.announce(&Announce::new(info_hash, 0)).expect_err("port 0").to_string().contains("invalid port"));
}

/// A socket for each family (`IPV6_V6ONLY`): one of IPv6 alone leaves IPv4 to others.
///
/// Needs root: elsewhere another program may have taken the port.
#[test]
fn an_ipv6_wildcard_takes_no_ipv4() {
    Namespace::new("v6only").run(|| {
        let tracker = Tracker::start(&WILDCARDS.replace("\"0.0.0.0:0\", ", ""));
        let port = tracker.udp(Family::V6).port();
        converse(loopback(Family::V6), SocketAddr::new(loopback(Family::V6), port));
        std::net::UdpSocket::bind(("0.0.0.0", port)).expect("the port is free for IPv4");
    });
}

/// A client on one socket for both families sends from ::ffff:127.0.0.1 where it reaches IPv4.
#[test]
fn an_ipv4_mapped_source_is_ipv4() {
    let tracker = tracker();
    let SocketAddr::V4(asked) = tracker.udp(Family::V4) else { panic!("not IPv4") };
    let mapped = SocketAddr::new(asked.ip().to_ipv6_mapped().into(), asked.port());
    let mut client = Client::new("::ffff:127.0.0.1".parse().unwrap(), mapped, PATIENCE).unwrap();
    let info_hash = rand::random();
    client.announce(&Announce::new(info_hash, 0x1111)).unwrap();
    let id = client.connection_id().unwrap();
    let reply = client.exchange(&packet::announce(id, 7, &Announce::new(info_hash, 2), &[])).unwrap();
    assert_eq!(reply[20..], compact(loopback(Family::V4), 0x1111));
    // It is one of the IPv4 swarm, and its id is the IPv4 address's.
    let mut plain = crate::client(&tracker, Family::V4);
    assert_eq!(plain.exchange(&packet::scrape(id, 7, &[info_hash])).unwrap()[19], 2);
}
