//! Hostile connections: slow, silent, deaf, half closed, or too many.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use proto_tests::wait_for;
use tracker_client::{Family, http};

use crate::stream::{good_request, open, read_to_end, statuses};
use crate::{PATIENCE, assert_serves, loopback, tracker};

/// Times that a test can wait out, yet long enough for a real client on a busy machine.
const SHORT: &str = "request_timeout = \"1s\"\nidle_timeout = \"2s\"";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

#[test]
fn a_silent_connection_is_closed() {
    let tracker = tracker(SHORT);
    let start = Instant::now();
    let (fresh, used) = (open(&tracker), open(&tracker));
    (&used).write_all(&good_request()).unwrap();
    assert_eq!(read_to_end(&fresh), b"");
    assert!(start.elapsed() >= IDLE_TIMEOUT, "after {:?}", start.elapsed());
    assert_eq!(statuses(&read_to_end(&used)), [200]);
    assert_serves(&tracker);
}

#[test]
fn a_slow_head_is_cut_off_however_it_trickles() {
    let tracker = tracker(SHORT);
    let stream = open(&tracker);
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let start = Instant::now();
    let mut request = good_request().into_iter().cycle();
    let mut end = || {
        // A byte each tenth of a second: never idle, and never done.
        (&stream).write_all(&[request.next().expect("it goes round")])?;
        match (&stream).read(&mut [0; 100]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
            Ok(length) => {
                assert_eq!(length, 0, "an answer to half a request");
                Err(ErrorKind::UnexpectedEof.into())
            }
        }
    };
    while end().is_ok() {
        assert!(start.elapsed() < PATIENCE, "the tracker waits for ever");
    }
    assert!(start.elapsed() >= REQUEST_TIMEOUT, "after {:?}", start.elapsed());
    assert_serves(&tracker);
}

#[test]
fn a_body_that_never_comes_holds_nothing_up() {
    let tracker = tracker(SHORT);
    let stream = open(&tracker);
    (&stream).write_all(b"POST /announce HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\nand then").unwrap();
    assert_eq!(statuses(&read_to_end(&stream)), [405]);
    assert_serves(&tracker);
}

#[test]
fn a_half_closed_connection_gets_its_answers() {
    let tracker = tracker("");
    let stream = open(&tracker);
    (&stream).write_all(&good_request().repeat(3)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(statuses(&read_to_end(&stream)), [200; 3]);
    assert_serves(&tracker);
}

#[test]
fn a_connection_closed_at_any_time_is_forgotten() {
    let tracker = tracker("max_connections = 50");
    let request = good_request();
    for length in 0..=request.len() {
        // Where those before have not been forgotten yet, it is refused.
        let _ = (&open(&tracker)).write_all(&request[..length]);
    }
    // Had they kept their places, there would be none left.
    wait_for("a place", PATIENCE, || {
        let mut client = http::Client::new(loopback(Family::V4), tracker.http(Family::V4), PATIENCE);
        client.get("/announce").map(drop)
    });
    assert_serves(&tracker);
}

#[test]
fn a_client_that_never_reads_is_read_no_further_and_closed() {
    let tracker = tracker(SHORT);
    let stream = open(&tracker);
    stream.set_nonblocking(true).unwrap();
    let hashes: Vec<[u8; 20]> = (0..200).map(|_| rand::random()).collect();
    let query = http::scrape_query(&hashes);
    let request = format!("GET /scrape?{query} HTTP/1.1\r\nHost: t\r\n\r\n").into_bytes();
    let mut sent = 0;
    let error = wait_for("the tracker to close", PATIENCE, || match fill(&stream, &request, &mut sent) {
        Ok(()) => panic!("it takes more than {sent} bytes without being read"),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error),
        Err(error) => Ok(error),
    });
    assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
    assert!(sent > request.len(), "it was the tracker that had enough");
    assert_serves(&tracker);
}

/// Sends the request again and again; an error where no more is taken, and none after far too much.
fn fill(mut stream: &TcpStream, request: &[u8], sent: &mut usize) -> io::Result<()> {
    while *sent < FAR_TOO_MUCH {
        *sent += stream.write(&request[*sent % request.len()..])?;
    }
    Ok(())
}

/// More than the buffers of both sockets may hold.
const FAR_TOO_MUCH: usize = 64 << 20;

#[test]
fn connections_beyond_the_limit_are_closed_and_the_others_served() {
    let tracker = tracker("max_connections = 8");
    let mut within: Vec<_> = (0..8)
        .map(|_| {
            let mut client = http::Client::new(loopback(Family::V4), tracker.http(Family::V4), PATIENCE);
            client.get("/announce").unwrap();
            client
        })
        .collect();
    for _ in 0..100 {
        let stream = open(&tracker);
        let _ = (&stream).write_all(&good_request());
        assert_eq!(read_to_end(&stream), b"");
    }
    for client in &mut within {
        assert_eq!(client.get("/announce").map(|response| response.status), Ok(200));
    }
    drop(within);
    wait_for("a place", PATIENCE, || {
        let mut client = http::Client::new(loopback(Family::V4), tracker.http(Family::V4), PATIENCE);
        client.get("/announce").map(drop)
    });
    assert_serves(&tracker);
}

/// Hundreds at once, each with something else wrong, while real clients come and go.
#[test]
fn a_crowd_of_bad_connections_does_not_shut_out_a_good_one() {
    let tracker = tracker(SHORT);
    let request = good_request();
    let crowd: Vec<_> = (0..500)
        .map(|number| {
            let stream = open(&tracker);
            let part = &request[..number % request.len()];
            let _ = (&stream).write_all(if number % 3 == 0 { b"\0garbage\r\n\r\n" } else { part });
            stream
        })
        .collect();
    assert_serves(&tracker);
    thread::scope(|scope| {
        scope.spawn(|| crowd.iter().for_each(|stream| drop(read_to_end(stream))));
        scope.spawn(|| assert_serves(&tracker));
    });
    assert_serves(&tracker);
}
