//! Two workers have counted all that a client has sent and received, and nothing else.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use proto_tests::tracker::Tracker;
use proto_tests::wait_for;
use tracker_client::udp::{self, packet};
use tracker_client::{Announce, Event, Family};

use super::{CONFIG, LOCALHOST, PATIENCE, ask, metrics};

/// What one family's clients of one transport have sent and received.
#[derive(Default)]
struct Tally {
    received: u64,
    sent: u64,
}

impl Tally {
    /// Sends a datagram; where an answer is due, returns it.
    fn exchange(&mut self, socket: &UdpSocket, datagram: &[u8], answered: bool) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        assert_eq!(socket.send(datagram).unwrap(), datagram.len());
        self.received += datagram.len() as u64;
        let length = if answered { socket.recv(&mut buffer).unwrap() } else { 0 };
        self.sent += length as u64;
        buffer[..length].to_vec()
    }

    /// Sends a request over a connection of its own.
    fn converse(&mut self, address: SocketAddr, target: &str) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        socket.read_to_end(&mut response).unwrap();
        self.received += request.len() as u64;
        self.sent += response.len() as u64;
    }
}

/// So many sockets that both workers have some of them: the kernel deals them out by their ports.
const SOCKETS: u64 = 40;

#[test]
fn two_workers_have_counted_what_a_client_has_sent() {
    let tracker = Tracker::start(CONFIG);
    let mut expected = BTreeMap::new();
    for (family, local) in [Family::V4, Family::V6].into_iter().zip(LOCALHOST) {
        let label = if family == Family::V4 { "4" } else { "6" };
        let tally = over_udp(&SocketAddr::new(local, 0), tracker.udp(family));
        expect(&mut expected, "udp", label, &tally, &[("connect", 40, 0), ("announce", 80, 40), ("scrape", 40, 0)]);
        let tally = over_http(tracker.http(family));
        expect(&mut expected, "http", label, &tally, &[("announce", 10, 5), ("scrape", 10, 0), ("other", 0, 5)]);
    }
    // Of two families each.
    for (reason, count) in [
        ("short", 80),
        ("action", 80),
        ("magic", 80),
        ("truncated", 80),
        ("bad_id", 160),
        ("expired_id", 0),
        ("port", 0),
    ] {
        expected.insert(format!("chihaya_dropped_total{{reason=\"{reason}\"}}"), count);
    }
    // Silence is counted when it is read, answers before they are sent, and all of it a moment before the client knows.
    let seen = wait_for("everything to be counted", PATIENCE, || {
        let seen = metrics(&tracker);
        let wrong: Vec<_> = expected
            .iter()
            .filter(|(series, count)| seen.get(*series) != Some(&(**count as f64)))
            .map(|(series, count)| format!("{series}: {:?}, not {count}", seen.get(series)))
            .collect();
        if wrong.is_empty() { Ok(seen) } else { Err(wrong.join("\n")) }
    });
    let sum = |name: &str, label: &str| -> f64 {
        seen.iter()
            .filter(|(series, _)| series.starts_with(name) && series.contains(label))
            .map(|(_, value)| value)
            .sum()
    };
    let (requests, responses) = (sum("chihaya_requests_total", "udp"), sum("chihaya_responses_total", "udp"));
    assert_eq!(requests, responses + sum("chihaya_dropped_total", ""));
    assert_eq!(sum("chihaya_socket_drops_total", ""), 0.0);
}

fn expect(
    expected: &mut BTreeMap<String, u64>,
    transport: &str,
    family: &str,
    tally: &Tally,
    answered: &[(&str, u64, u64)],
) {
    let link = format!("proto=\"{transport}\",family=\"{family}\"");
    for (action, ok, error) in answered {
        let request = format!("{link},action=\"{action}\"");
        let dropped = match (transport, *action) {
            ("udp", "connect") => SOCKETS,
            ("udp", "announce") => 2 * SOCKETS,
            ("udp", "scrape") => SOCKETS,
            _ => 0,
        };
        expected.insert(format!("chihaya_requests_total{{{request}}}"), ok + error + dropped);
        expected.insert(format!("chihaya_responses_total{{{request},result=\"ok\"}}"), *ok);
        expected.insert(format!("chihaya_responses_total{{{request},result=\"error\"}}"), *error);
    }
    if transport == "udp" {
        expected.insert(format!("chihaya_requests_total{{{link},action=\"other\"}}"), 2 * SOCKETS);
    }
    expected.insert(format!("chihaya_received_bytes_total{{{link}}}"), tally.received);
    expected.insert(format!("chihaya_sent_bytes_total{{{link}}}"), tally.sent);
}

/// From each socket: a connect, two announces, one that is refused, a scrape, and six datagrams that get nothing.
fn over_udp(local: &SocketAddr, tracker: SocketAddr) -> Tally {
    let mut tally = Tally::default();
    for number in 0..SOCKETS {
        let socket = UdpSocket::bind(local).unwrap();
        socket.connect(tracker).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let connected = tally.exchange(&socket, &packet::connect(1), true);
        let id = u64::from_be_bytes(connected[8..16].try_into().unwrap());
        let announce = Announce::new([u8::try_from(number).unwrap(); 20], 6_881);
        let datagram = packet::announce(id, 2, &announce, &[]);
        tally.exchange(&socket, &datagram, true);
        tally.exchange(&socket, &packet::announce(id, 3, &announce, b"\x02\x01/"), true);
        tally.exchange(&socket, &packet::announce(id, 4, &Announce::new([1; 20], 0), &[]), true);
        tally.exchange(&socket, &packet::scrape(id, 5, &[[1; 20], [2; 20]]), true);
        let bad = id ^ (1 << 40);
        let mut foreign = datagram.clone();
        foreign[8..12].copy_from_slice(&9_u32.to_be_bytes());
        let garbage = [
            b"short".to_vec(),
            foreign,
            [&[0; 8], &packet::connect(1)[8..]].concat(),
            datagram[..97].to_vec(),
            packet::announce(bad, 6, &announce, &[]),
            packet::scrape(bad, 7, &[[1; 20]]),
        ];
        garbage.iter().for_each(|datagram| drop(tally.exchange(&socket, datagram, false)));
    }
    tally
}

/// Announces, some of them refused, scrapes, and what is not there.
fn over_http(tracker: SocketAddr) -> Tally {
    let mut tally = Tally::default();
    let hash = "info_hash=aaaaaaaaaaaaaaaaaaaa";
    for number in 0..10 {
        tally.converse(
            tracker,
            &format!("/announce?{hash}&peer_id=bbbbbbbbbbbbbbbbbbbb&port={}&left=1", 1_000 + number),
        );
        tally.converse(tracker, &format!("/scrape?{hash}"));
        if number % 2 == 0 {
            tally.converse(tracker, &format!("/announce?{hash}&peer_id=bbbbbbbbbbbbbbbbbbbb&port=0&left=1"));
            tally.converse(tracker, "/favicon.ico");
        }
    }
    tally
}

#[test]
fn peers_are_told_by_family_and_by_what_they_do() {
    let tracker = Tracker::start(CONFIG);
    let peers = |family, role| metrics(&tracker)[&format!("chihaya_peers{{family=\"{family}\",role=\"{role}\"}}")];
    let mut clients = [Family::V4, Family::V6]
        .into_iter()
        .zip(LOCALHOST)
        .map(|(family, local)| udp::Client::new(local, tracker.udp(family), PATIENCE).unwrap());
    let (mut v4, mut v6) = (clients.next().unwrap(), clients.next().unwrap());
    for port in 1..=5 {
        v4.announce(&Announce::new([1; 20], port).left(1)).unwrap();
        v6.announce(&Announce::new([1; 20], port).left(u64::from(port > 2))).unwrap();
    }
    assert_eq!(
        [peers(4, "seeder"), peers(4, "leecher"), peers(6, "seeder"), peers(6, "leecher")],
        [0.0, 5.0, 2.0, 3.0]
    );
    v4.announce(&Announce::new([1; 20], 1).left(0).event(Event::Completed)).unwrap();
    v6.announce(&Announce::new([1; 20], 1).left(0).event(Event::Stopped)).unwrap();
    assert_eq!(
        [peers(4, "seeder"), peers(4, "leecher"), peers(6, "seeder"), peers(6, "leecher")],
        [1.0, 4.0, 1.0, 3.0]
    );
    let seen = metrics(&tracker);
    assert_eq!((seen["chihaya_torrents"], seen["chihaya_downloads_total"]), (1.0, 1.0));
}

#[test]
fn nothing_of_a_torrent_or_a_peer_is_told() {
    let tracker = Tracker::start(CONFIG);
    let mut client = udp::Client::new(LOCALHOST[0], tracker.udp(Family::V4), PATIENCE).unwrap();
    client.announce(&Announce::new(*b"HASHHASHHASHHASHHASH", 54_321)).unwrap();
    let told = super::get(tracker.admin(), "/metrics");
    for secret in ["HASH", "48415348", "54321", &client.local_addr().unwrap().port().to_string()] {
        assert!(!told.split(|c: char| !c.is_alphanumeric()).any(|word| word == secret), "{secret} in {told}");
    }
}

#[test]
fn operators_are_told_what_there_is_and_have_no_other_methods() {
    let tracker = Tracker::start(CONFIG);
    let request = |line: &str| ask(tracker.admin(), &format!("{line} HTTP/1.1\r\nHost: admin\r\n\r\n"));
    let (head, body) = request("GET /nowhere");
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n") && body.contains("/metrics"), "{head}\n{body}");
    let (head, _) = request("POST /metrics");
    assert!(head.starts_with("HTTP/1.1 405 Method Not Allowed\r\n") && head.contains("allow: GET, HEAD"), "{head}");
    let (head, body) = request("HEAD /metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("version=0.0.4") && body.is_empty(), "{head}");
}
