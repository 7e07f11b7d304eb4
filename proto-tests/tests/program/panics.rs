//! A bug in one worker ends the whole process, so that whoever watches it starts it anew.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::ExitStatusExt;

use proto_tests::failing::PANICS;
use tracker_client::{Announce, Failure, Family};

use super::*;

/// Fails unless one request for the torrent ends the process in one line.
#[track_caller]
fn assert_ends(ask: impl FnOnce(&Tracker) -> Failure) {
    let mut tracker = start_with_driver("panicking", "");
    let (udp, http) = (tracker.udp(Family::V4), tracker.http(Family::V4));
    udp_client(udp).announce(&Announce::new([1; 20], 6881)).unwrap();
    let before = tracker.log();
    let failure = ask(&tracker);
    let status = tracker.wait();
    assert!(matches!(failure, Failure::Silence | Failure::Closed | Failure::Io(_)), "{failure}");
    assert!(!status.success());
    assert_eq!(status.signal(), Some(6), "an abort: {status}");
    let log = tracker.log();
    let [told] = messages(&log[before.len()..])[..] else { panic!("not one line: {log}") };
    assert!(told.starts_with("panic in thread worker-"), "{told}");
    assert!(told.contains("a planted bug, met at "), "{told}");
    UdpSocket::bind(udp).unwrap();
    TcpListener::bind(http).unwrap();
}

#[test]
fn over_udp() {
    assert_ends(|tracker| udp_client(tracker.udp(Family::V4)).announce(&Announce::new(PANICS.0, 6881)).unwrap_err());
}

#[test]
fn over_http() {
    assert_ends(|tracker| {
        let mut client = http_client(tracker.http(Family::V4));
        client.announce("/announce", &Announce::new(PANICS.0, 6881)).unwrap_err()
    });
}
