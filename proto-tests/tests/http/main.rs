//! The HTTP protocol, byte by byte, against a running tracker (BEP 3, 7, 21, 23, 24, 31, 48).
//!
//! What a connection may look like is tested beside the frontend, over real sockets too, and here only once for each
//! family.

mod connection;
mod proxies;
mod query;
mod reply;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use proto_tests::shared::Shared;
use proto_tests::tracker::Tracker;
use tracker_client::Family::{self, V4, V6};
use tracker_client::http::{Client, percent_encode};

/// A tracker shared by the tests that run at the same time: each brings its own torrents.
fn tracker() -> Arc<Tracker> {
    static SHARED: Shared<Tracker> = Shared::new();
    SHARED.get(|| Tracker::start(CONFIGURATION))
}

/// A client on the loopback of this family.
fn client(tracker: &Tracker, family: Family) -> Client {
    let host: IpAddr = match family {
        V4 => Ipv4Addr::LOCALHOST.into(),
        V6 => Ipv6Addr::LOCALHOST.into(),
    };
    Client::new(host, tracker.http(family), PATIENCE)
}

/// A torrent nobody has heard of, ready for a query.
fn torrent() -> String {
    percent_encode(rand::random::<[u8; 20]>())
}

/// The body of a response that is as every answer to an announce or a scrape must be.
#[track_caller]
fn body(client: &mut Client, target: &str) -> Vec<u8> {
    let response = client.get(target).unwrap_or_else(|failure| panic!("{target}: {failure}"));
    assert_eq!((response.status, response.header("content-type")), (200, Some("text/plain")), "{target}");
    response.body
}

/// That body, printable.
#[track_caller]
fn text(client: &mut Client, target: &str) -> String {
    body(client, target).escape_ascii().to_string()
}

/// Seeders and leechers of a torrent, as a scrape tells them.
#[track_caller]
fn counts(client: &mut Client, torrent: &str) -> (u32, u32) {
    let files = tracker_client::http::decode_scrape(&body(client, &format!("/scrape?info_hash={torrent}")));
    let files = files.unwrap_or_else(|failure| panic!("{torrent}: {failure}"));
    let scraped = files.values().next().unwrap_or_else(|| panic!("{torrent} is missing"));
    (scraped.seeders, scraped.leechers)
}

const FAMILIES: [Family; 2] = [V4, V6];

/// Without jitter, so that replies can be compared byte by byte.
const CONFIGURATION: &str = r#"
[server]
workers = 2
[tracker]
interval_jitter = 0.0
[udp]
listen = []
[http]
listen = ["127.0.0.1:0", "[::1]:0"]
"#;

/// For one answer, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
