//! A connection that may be misused: bytes go out as they are, and all that comes back is read.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use proto_tests::tracker::Tracker;
use tracker_client::{Announce, Family, http};

use crate::PATIENCE;

/// Sends all of `bytes`, then nothing more, and returns what comes back until the tracker closes.
#[track_caller]
pub(crate) fn converse(tracker: &Tracker, bytes: &[u8]) -> Vec<u8> {
    let stream = open(tracker);
    // A tracker may have heard enough before the end, and close.
    let _ = (&stream).write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(&stream)
}

pub(crate) fn open(tracker: &Tracker) -> TcpStream {
    let stream = TcpStream::connect(tracker.http(Family::V4)).expect("the loopback leads to the tracker");
    stream.set_nodelay(true).expect("a socket takes options");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes options");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes options");
    stream
}

/// All that comes until the tracker closes, which it must, be it with a reset.
#[track_caller]
pub(crate) fn read_to_end(mut stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
            panic!("the tracker does not close: {error}, after {:?}", String::from_utf8_lossy(&all))
        }
        _ => all,
    }
}

/// The statuses of responses, one after another.
pub(crate) fn statuses(responses: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(responses);
    let statuses = text.match_indices("HTTP/1.").map(|(at, _)| text[at + "HTTP/1.x ".len()..][..3].parse());
    statuses.map(|status| status.expect("a status is a number")).collect()
}

/// A whole good request, for a torrent of its own.
pub(crate) fn good_request() -> Vec<u8> {
    let query = http::announce_query(&Announce::new(rand::random(), 6_881));
    format!("GET /announce?{query} HTTP/1.1\r\nHost: tracker\r\n\r\n").into_bytes()
}
