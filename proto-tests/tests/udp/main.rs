//! The UDP protocol, byte by byte, against a running tracker (BEP 15, BEP 41).

mod addresses;
mod announce;
mod connection_id;
mod options;
mod scrape;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use proto_tests::shared::Shared;
use proto_tests::tracker::Tracker;
use tracker_client::Family::{self, V4, V6};
use tracker_client::udp::Client;

/// A tracker shared by the tests that run at the same time: each brings its own torrents.
fn tracker() -> Arc<Tracker> {
    static SHARED: Shared<Tracker> = Shared::new();
    SHARED.get(|| Tracker::start(CONFIGURATION))
}

/// A client on the loopback of this family.
fn client(tracker: &Tracker, family: Family) -> Client {
    client_from(tracker, loopback(family))
}

/// A client on this host.
fn client_from(tracker: &Tracker, host: IpAddr) -> Client {
    Client::new(host, tracker.udp(Family::of(host)), PATIENCE).expect("the loopback interface is up")
}

fn loopback(family: Family) -> IpAddr {
    match family {
        V4 => Ipv4Addr::LOCALHOST.into(),
        V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

/// The bytes of a peer in a reply.
fn compact(host: IpAddr, port: u16) -> Vec<u8> {
    let address = match host {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    [&address[..], &port.to_be_bytes()].concat()
}

const FAMILIES: [Family; 2] = [V4, V6];

/// Without jitter, so that replies can be compared byte by byte, and for many clients at one address.
const CONFIGURATION: &str = r#"
[server]
workers = 2
[tracker]
interval_jitter = 0.0
[udp]
listen = ["127.0.0.1:0", "[::1]:0"]
[http]
listen = []
[limits]
ports_per_address = 0
"#;

/// For one answer, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
