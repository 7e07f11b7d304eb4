//! The client against a scripted tracker on a socket of its own.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    thread::{self, JoinHandle},
};

use super::*;

const TIMEOUT: Duration = Duration::from_secs(5);
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ID: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// One line of a script: the request in, the replies to it out.
type Line = fn(&[u8]) -> Vec<Vec<u8>>;

/// Answers as many requests as the script has lines.
fn tracker<const N: usize>(local: IpAddr, script: [Line; N]) -> (SocketAddr, JoinHandle<()>) {
    let socket = UdpSocket::bind((local, 0)).unwrap();
    socket.set_read_timeout(Some(TIMEOUT)).unwrap();
    let address = socket.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for answer in script {
            let mut buffer = [0; 2048];
            let (length, source) = socket.recv_from(&mut buffer).unwrap();
            for reply in answer(&buffer[..length]) {
                socket.send_to(&reply, source).unwrap();
            }
        }
    });
    (address, thread)
}

/// A reply: the action, the transaction id of the request, the rest.
fn reply(action: u8, request: &[u8], rest: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, action], &request[12..16], rest].concat()
}

fn accept(request: &[u8]) -> Vec<Vec<u8>> {
    assert_eq!(request[..12], *b"\x00\x00\x04\x17\x27\x10\x19\x80\0\0\0\0");
    vec![reply(0, request, &ID)]
}

#[test]
fn announces_and_scrapes_on_one_connection_id() {
    let (address, tracker) = tracker(
        LOCAL,
        [
            accept,
            |request| {
                assert_eq!((request.len(), &request[..12]), (98, &b"\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x01"[..]));
                let rest = b"\0\0\x07\x08\0\0\0\x01\0\0\0\x02\x0a\0\0\x02\0\x50\x0a\0\0\x01\0\x50";
                vec![reply(1, request, rest)]
            },
            |request| {
                assert_eq!((request.len(), &request[..12]), (36, &b"\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x02"[..]));
                vec![reply(2, request, b"\0\0\0\x03\0\0\0\x04\0\0\0\x05")]
            },
        ],
    );
    let mut client = Client::new(LOCAL, address, TIMEOUT).unwrap();
    let announced = client.announce(&Announce::new([7; 20], 6881)).unwrap();
    assert_eq!((announced.interval, announced.leechers, announced.seeders), (1800, 1, 2));
    assert_eq!(announced.peers, ["10.0.0.1:80".parse().unwrap(), "10.0.0.2:80".parse().unwrap()]);
    let scraped = client.scrape(&[[7; 20]]).unwrap();
    assert_eq!(scraped, [Scraped { seeders: 3, completed: 4, leechers: 5, downloaders: None }]);
    tracker.join().unwrap();
}

#[test]
fn peers_over_ipv6_are_ipv6() {
    let local = IpAddr::V6(Ipv6Addr::LOCALHOST);
    let (address, tracker) = tracker(
        local,
        [accept, |request| {
            let peer = b"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1a\xe1";
            vec![reply(1, request, &[&[0; 12][..], peer].concat())]
        }],
    );
    let mut client = Client::new(local, address, TIMEOUT).unwrap();
    let announced = client.announce(&Announce::new([7; 20], 6881)).unwrap();
    assert_eq!(announced.peers, ["[2001:db8::1]:6881".parse().unwrap()]);
    tracker.join().unwrap();
}

/// BEP 15: a client drops a packet whose transaction id is not the one it chose.
#[test]
fn replies_to_other_requests_are_passed_over() {
    let (address, tracker) = tracker(
        LOCAL,
        [|request| {
            let mut other = reply(0, request, &[9; 8]);
            other[7] ^= 1;
            vec![other, reply(0, request, &ID)]
        }],
    );
    let mut client = Client::new(LOCAL, address, TIMEOUT).unwrap();
    assert_eq!(client.connect(), Ok(0x0102_0304_0506_0708));
    tracker.join().unwrap();
}

#[test]
fn refusals_and_nonsense_are_told_apart() {
    let (address, tracker) = tracker(
        LOCAL,
        [
            accept,
            |request| vec![reply(3, request, b"invalid port")],
            |request| vec![reply(1, request, &[0; 13])],
            |request| vec![reply(0, request, &ID)],
            |request| vec![reply(2, request, &[0; 24])],
        ],
    );
    let mut client = Client::new(LOCAL, address, TIMEOUT).unwrap();
    let refused = Failure::Rejected { reason: "invalid port".to_owned(), retry_in: None };
    assert_eq!(client.announce(&Announce::new([7; 20], 0)), Err(refused));
    for _ in 0..2 {
        let failure = client.announce(&Announce::new([7; 20], 1)).unwrap_err();
        assert!(matches!(failure, Failure::Malformed(_)), "{failure}");
    }
    assert!(matches!(client.scrape(&[[7; 20]]), Err(Failure::Malformed(_))));
    tracker.join().unwrap();
}

#[test]
fn a_deaf_tracker_is_silence_and_a_closed_port_is_not() {
    let deaf = UdpSocket::bind((LOCAL, 0)).unwrap();
    let address = deaf.local_addr().unwrap();
    let mut client = Client::new(LOCAL, address, Duration::from_millis(20)).unwrap();
    assert_eq!(client.connect(), Err(Failure::Silence));
    assert_eq!(client.exchange(b"anyone?"), Err(Failure::Silence));
    drop(deaf);
    assert_eq!(client.exchange(b"anyone?"), Err(Failure::Io(io::ErrorKind::ConnectionRefused)));
}

#[test]
fn a_reply_from_another_address_is_not_seen() {
    let asked = UdpSocket::bind((LOCAL, 0)).unwrap();
    let other = UdpSocket::bind((LOCAL, 0)).unwrap();
    let mut client = Client::new(LOCAL, asked.local_addr().unwrap(), Duration::from_millis(20)).unwrap();
    other.send_to(b"here", client.local_addr().unwrap()).unwrap();
    assert_eq!(client.exchange(b"anyone?"), Err(Failure::Silence));
}

#[test]
fn silence_means_that_the_next_request_is_answered_first() {
    let (address, tracker) = tracker(LOCAL, [|_| Vec::new(), accept]);
    let mut client = Client::new(LOCAL, address, TIMEOUT).unwrap();
    client.silence(b"noise");
    tracker.join().unwrap();
}

#[test]
#[should_panic(expected = "a reply where silence is due")]
fn silence_panics_at_a_reply() {
    let (address, _tracker) = tracker(LOCAL, [|_| vec![b"what?".to_vec()]]);
    Client::new(LOCAL, address, TIMEOUT).unwrap().silence(b"noise");
}

#[test]
#[should_panic(expected = "does not answer a connect")]
fn silence_panics_when_nobody_is_there() {
    let deaf = UdpSocket::bind((LOCAL, 0)).unwrap();
    Client::new(LOCAL, deaf.local_addr().unwrap(), Duration::from_millis(20)).unwrap().silence(b"noise");
}

#[test]
#[should_panic(expected = "a reply where silence is due")]
fn silence_panics_at_a_connection_id_for_the_noise() {
    let (address, _tracker) = tracker(LOCAL, [|request| vec![reply(0, request, &ID)]]);
    let noise = packet::connect(7);
    Client::new(LOCAL, address, TIMEOUT).unwrap().silence(&noise);
}

#[test]
#[should_panic(expected = "no silence after all")]
fn silence_panics_at_a_late_reply() {
    let (address, _tracker) =
        tracker(LOCAL, [|_| Vec::new(), |request| vec![reply(0, request, &ID), b"what?".to_vec()]]);
    Client::new(LOCAL, address, TIMEOUT).unwrap().silence(b"noise");
}

#[test]
fn a_forgotten_connection_id_is_fetched_anew() {
    let (address, tracker) = tracker(LOCAL, [accept, |request| vec![reply(0, request, &[9; 8])]]);
    let mut client = Client::new(LOCAL, address, TIMEOUT).unwrap();
    assert_eq!(client.connection_id(), Ok(0x0102_0304_0506_0708));
    assert_eq!(client.connection_id(), Ok(0x0102_0304_0506_0708));
    client.forget_connection_id();
    assert_eq!(client.connection_id(), Ok(0x0909_0909_0909_0909));
    tracker.join().unwrap();
}
