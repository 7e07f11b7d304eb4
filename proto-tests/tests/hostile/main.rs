//! What strangers may send: a tracker owes them little, and must not mind.

mod connections;
mod datagrams;
mod heads;
mod stream;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use proto_tests::tracker::Tracker;
use tracker_client::{Announce, Family, http, udp};

const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// A tracker of one worker, so that it answers in order, with these keys in `[http]`.
fn tracker(http: &str) -> Tracker {
    Tracker::start(&format!(
        "[server]\nworkers = 1\n[udp]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\n\
         [http]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\n{http}\n"
    ))
}

fn loopback(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Panics unless real clients are served, over both transports and families, each a peer the tracker has not seen.
#[track_caller]
fn assert_serves(tracker: &Tracker) {
    static PORTS: AtomicU16 = AtomicU16::new(1_024);
    for family in FAMILIES {
        let local = loopback(family);
        let announce = Announce::new(rand::random(), PORTS.fetch_add(1, Ordering::Relaxed));
        let mut client = udp::Client::new(local, tracker.udp(family), PATIENCE).expect("a socket can be bound");
        let over_udp = client.announce(&announce);
        assert_eq!(over_udp.map(|announced| announced.leechers), Ok(1), "UDP, {family:?}\n{}", tracker.log());
        let mut client = http::Client::new(local, tracker.http(family), PATIENCE);
        let over_http = client.announce("/announce", &announce);
        assert_eq!(over_http.map(|announced| announced.leechers), Ok(1), "HTTP, {family:?}\n{}", tracker.log());
    }
}

/// Far beyond any answer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
