//! What real clients sent, sent again: every request gets its answer, and who has left is gone.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use proto_tests::tracker::Tracker;
use tracker_client::Family::{self, V4, V6};
use tracker_client::udp::{Reply, decode, packet};
use tracker_client::{Announced, Scraped, http, udp};

#[test]
fn aria2_http() {
    http("aria2.http", Last::Left);
}

/// The capture ends before the client does.
#[test]
fn ctorrent_http() {
    http("ctorrent.http", Last::Stayed);
}

#[test]
fn libtorrent_http() {
    http("libtorrent.http", Last::Left);
}

/// The capture ends before the client does.
#[test]
fn transmission_http() {
    http("transmission.http", Last::Stayed);
}

#[test]
fn aria2_udp() {
    udp("aria2.udp");
}

#[test]
fn libtorrent_udp() {
    udp("libtorrent.udp");
}

#[test]
fn transmission_udp() {
    udp("transmission.udp");
}

/// What the last announce of a capture came to.
#[derive(Clone, Copy)]
enum Last {
    Left,
    Stayed,
}

fn http(capture: &str, last: Last) {
    let capture = read(capture).replace('\n', "\r\n");
    let requests: Vec<_> = capture.split_inclusive("\r\n\r\n").collect();
    for family in [V4, V6] {
        let tracker = Tracker::start(CONFIGURATION);
        let new_client = || http::Client::new(loopback(family), tracker.http(family), PATIENCE);
        let mut client = new_client();
        for request in &requests {
            client.send(request.as_bytes()).expect("the tracker takes requests");
            let response = client.read_response(false).unwrap_or_else(|failure| panic!("{request}{failure}"));
            assert_eq!((response.status, response.header("content-type")), (200, Some("text/plain")), "{request}");
            let leavers = u32::from(request.contains("event=stopped"));
            if request.starts_with("GET /announce?") {
                let announced = http::decode_announce(&response.body);
                let announced = announced.unwrap_or_else(|failure| panic!("{request}{failure}"));
                check_announced(&announced, 1 - leavers);
            } else {
                let scraped =
                    http::decode_scrape(&response.body).unwrap_or_else(|failure| panic!("{request}{failure}"));
                assert_eq!(scraped.into_iter().collect::<Vec<_>>(), [(INFO_HASH, leechers(1, Some(1)))]);
            }
            if request.contains("Connection: close\r\n") || request.contains(" HTTP/1.0\r\n") {
                assert_eq!(client.closed(), Ok(true), "{request}");
                client.disconnect();
            }
        }
        let remaining = u32::from(matches!(last, Last::Stayed));
        let end = new_client().scrape("/scrape", &[INFO_HASH]).expect("the tracker still answers");
        assert_eq!(end, [leechers(remaining, Some(remaining))]);
    }
}

fn udp(capture: &str) {
    let capture = read(capture);
    for family in [V4, V6] {
        let tracker = Tracker::start(CONFIGURATION);
        let mut client = udp::Client::new(loopback(family), tracker.udp(family), PATIENCE).expect("a socket");
        let mut id = None;
        for line in capture.lines() {
            let mut packet = bytes(line);
            if packet[..8] != packet::PROTOCOL_ID.to_be_bytes() {
                let id: u64 = id.expect("a client connects first");
                packet[..8].copy_from_slice(&id.to_be_bytes());
            }
            let reply = client.exchange(&packet).unwrap_or_else(|failure| panic!("{line}: {failure}"));
            assert_eq!(reply[4..8], packet[12..16], "{line}: not its transaction");
            match decode(&reply, family).unwrap_or_else(|malformed| panic!("{line}: {malformed}")) {
                Reply::Connect { connection_id, .. } => id = Some(connection_id),
                Reply::Announce { seeders: 0, leechers, ref peers, .. } if peers.is_empty() => {
                    assert_eq!(leechers, u32::from(packet[80..84] != [0, 0, 0, 3]), "{line}");
                }
                Reply::Scrape { torrents, .. } => assert_eq!(torrents, [leechers(1, None)], "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(client.scrape(&[INFO_HASH]).expect("the tracker still answers"), [leechers(0, None)]);
    }
}

fn check_announced(announced: &Announced, leechers: u32) {
    assert_eq!((announced.seeders, announced.leechers, announced.completed), (0, leechers, Some(0)));
    assert!(announced.peers.is_empty() && announced.interval >= 1620, "{announced:?}");
}

fn leechers(leechers: u32, downloaders: Option<u32>) -> Scraped {
    Scraped { leechers, downloaders, ..Scraped::default() }
}

fn read(capture: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(capture);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!text.is_empty(), "{} is empty", path.display());
    text
}

fn bytes(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|error| panic!("{pair}: {error}"))).collect()
}

fn loopback(family: Family) -> IpAddr {
    match family {
        V4 => Ipv4Addr::LOCALHOST.into(),
        V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

/// The torrent of every capture.
const INFO_HASH: [u8; 20] = *b"Y\x18[~\xab\x81\xb3\xf0\xeb\xbeL\xd5\x8a\xc4B\x13\xb1]\xc6U";

const CONFIGURATION: &str = r#"
[udp]
listen = ["127.0.0.1:0", "[::1]:0"]
[http]
listen = ["127.0.0.1:0", "[::1]:0"]
"#;

/// For one answer, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
