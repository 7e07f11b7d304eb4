//! The end: soon, in order, and with an answer to those who still wait for one.

use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

use tracker_client::http::{announce_query, decode_announce};
use tracker_client::udp::{Reply, decode, packet};
use tracker_client::{Announce, Family};

use super::*;

/// A stop takes no longer; the margin is for a busy machine.
const STOP: Duration = Duration::from_millis(1_000);
const MARGIN: Duration = Duration::from_millis(500);

/// Sends a signal, and fails unless the tracker has ended well soon after.
#[track_caller]
pub(crate) fn assert_stops(tracker: &mut Tracker, send: fn(&mut Tracker)) {
    let signalled = Instant::now();
    send(tracker);
    let status = tracker.wait();
    let taken = signalled.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(taken < STOP + MARGIN, "{taken:?}");
    assert_eq!(messages(&tracker.log()).last(), Some(&"stopped"));
}

#[test]
fn either_signal_ends_it_whatever_connections_are_open() {
    for signal in [Tracker::terminate, Tracker::interrupt] {
        let mut tracker = Tracker::start(ANYWHERE);
        let address = tracker.http(Family::V4);
        let mut idle: Vec<_> = (0..10).map(|_| http_client(address)).collect();
        for client in &mut idle {
            client.scrape("/scrape", &[[1; 20]]).unwrap();
        }
        let mut fresh = http_client(address);
        fresh.local_addr().unwrap();
        assert_stops(&mut tracker, signal);
        idle.push(fresh);
        assert!(idle.iter_mut().all(|client| client.closed() == Ok(true)));
    }
}

/// Freeing millions of swarms would take seconds. This store panics if anybody tries.
#[test]
fn the_store_is_not_freed_first() {
    let mut tracker = start_with_driver("panicking", "");
    udp_client(tracker.udp(Family::V4)).announce(&Announce::new([1; 20], 6881)).unwrap();
    assert_stops(&mut tracker, Tracker::terminate);
}

#[test]
fn half_a_request_is_not_waited_for_long() {
    let mut tracker = Tracker::start(&format!("{ANYWHERE}server.workers = 1"));
    let address = tracker.http(Family::V4);
    let mut halves: Vec<_> = (0..10).map(|_| http_client(address)).collect();
    for (number, client) in halves.iter_mut().enumerate() {
        if number % 2 == 0 {
            client.scrape("/scrape", &[[1; 20]]).unwrap();
        }
        client.send(b"GET /announce?info_hash=").unwrap();
    }
    // A connection that came later is served, so those are too.
    http_client(address).scrape("/scrape", &[[1; 20]]).unwrap();
    assert_stops(&mut tracker, Tracker::terminate);
}

#[test]
fn load_does_not_keep_it() {
    let mut tracker = Tracker::start(ANYWHERE);
    let address = tracker.udp(Family::V4);
    let end = Instant::now() + 2 * PATIENCE;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut client = udp::Client::new(LOCALHOST, address, Duration::from_secs(1)).unwrap();
                // The first announce without an answer tells that the tracker has stopped.
                while client.announce(&Announce::new([1; 20], 6881)).is_ok() && Instant::now() < end {}
            });
        }
        let mut witness = udp_client(address);
        wait_for("the load", PATIENCE, || match witness.scrape(&[[1; 20]]) {
            Ok(scraped) if scraped[0].leechers == 1 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        assert_stops(&mut tracker, Tracker::terminate);
        assert!(Instant::now() < end, "the load went on until then");
    });
}

/// Each answer takes up to 600 ms, so most are still owed when it stops, a few milliseconds after they were asked for.
#[test]
fn requests_in_flight_are_answered() {
    const CLIENTS: u16 = 7;
    let config = "server.workers = 1\nstorage.late.longest_delay = \"600ms\"";
    let mut tracker = start_with_driver("late", config);
    let (udp, http) = (tracker.udp(Family::V4), tracker.http(Family::V4));
    let (mut udp_witness, mut http_witness) = (udp_client(udp), http_client(http));
    let connection_id = udp_witness.connect().unwrap();
    let mut over_http: Vec<_> = (0..CLIENTS).map(|_| http_client(http)).collect();
    for client in over_http.iter_mut().chain([&mut http_witness]) {
        assert_eq!(client.get("/nothing").unwrap().status, 404, "the connection is served from now on");
    }
    let over_udp: Vec<_> = (0..CLIENTS).map(|_| UdpSocket::bind((LOCALHOST, 0)).unwrap()).collect();
    for (socket, port) in over_udp.iter().zip(1..) {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.send_to(&packet::announce(connection_id, 1, &Announce::new([1; 20], port), &[]), udp).unwrap();
        // The one worker answers a connect at once, after it has read the announce: so each is a batch of its own.
        udp_witness.connect().unwrap();
    }
    for (client, port) in over_http.iter_mut().zip(CLIENTS + 1..) {
        let query = announce_query(&Announce::new([1; 20], port));
        client.send(format!("GET /announce?{query} HTTP/1.1\r\nHost: {http}\r\n\r\n").as_bytes()).unwrap();
    }
    // Likewise over HTTP.
    assert_eq!(http_witness.get("/nothing").unwrap().status, 404);
    assert_stops(&mut tracker, Tracker::terminate);
    for client in &mut over_http {
        let response = client.read_response(false).unwrap();
        assert!(decode_announce(&response.body).unwrap().leechers > 0);
    }
    for socket in &over_udp {
        let mut buffer = [0; 2_000];
        let length = socket.recv(&mut buffer).unwrap();
        assert!(matches!(decode(&buffer[..length], Family::V4), Ok(Reply::Announce { .. })));
    }
}

#[test]
fn the_next_tracker_has_the_same_addresses_at_once() {
    let mut tracker = Tracker::start(ANYWHERE);
    let (udp, http) = (tracker.udp(Family::V4), tracker.http(Family::V4));
    let config = format!("udp.listen = [\"{udp}\"]\nhttp.listen = [\"{http}\"]");
    for _ in 0..3 {
        let mut client = http_client(http);
        client.scrape("/scrape", &[[1; 20]]).unwrap();
        // The tracker closes this connection, so its end lingers there (TIME_WAIT).
        tracker.terminate();
        assert_eq!(client.closed(), Ok(true));
        assert!(tracker.wait().success());
        client.disconnect();
        tracker = Tracker::start(&config);
        udp_client(udp).connect().unwrap();
    }
}
