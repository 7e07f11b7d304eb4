//! Slow connections in great numbers.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::*;

/// Each sends a part of a request and then nothing. UDP, on the same worker, does not notice.
#[test]
fn five_thousand_slow_connections_are_closed_in_time_and_udp_does_not_notice() {
    chihaya::sys::raise_open_files(CONNECTIONS as u64 + 1_000).unwrap();
    let config = format!("{CONFIG}http.request_timeout = \"4s\"\nhttp.idle_timeout = \"4s\"\n");
    let mut tracker = Tracker::start(&config);
    let request = b"GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: tracker\r\nUser-Agent: sl";
    let (mut client, mut port) = (udp_client(&tracker), 0);
    let mut times = Vec::new();
    let mut announce = || {
        port += 1;
        let start = Instant::now();
        assert_eq!(client.announce(&Announce::new([2; 20], port)).unwrap().leechers, u32::from(port));
        times.push(start.elapsed());
    };
    let begun = Instant::now();
    let mut slow: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let mut stream = TcpStream::connect(tracker.http(Family::V4)).unwrap();
            stream.write_all(&request[..number % request.len()]).unwrap();
            if number % 10 == 0 {
                announce();
            }
            stream
        })
        .collect();
    let opened = begun.elapsed();
    assert_serves(&tracker);
    // In turn, without waiting for any: each ends in silence, for none has asked anything.
    wait_for("all connections to be closed", PATIENCE, || {
        (0..20).for_each(|_| announce());
        slow.retain_mut(is_open);
        if slow.is_empty() { Ok(()) } else { Err(format!("{} are open", slow.len())) }
    });
    assert!(begun.elapsed() < opened + LONGEST, "opened in {opened:?}, closed after {:?}", begun.elapsed());
    times.sort_unstable();
    let of = |share: usize| times[times.len() * share / 1_000];
    println!("{} announces: median {:?}, 99 % under {:?}", times.len(), of(500), of(990));
    assert!(of(990) < Duration::from_millis(100), "99 % of UDP announces within {:?}", of(990));
    assert!(tracker.stop().success());
    assert!(
        counted(&tracker, "http_rejected timeout") >= CONNECTIONS as u64,
        "{}",
        counted(&tracker, "http_rejected timeout")
    );
}

fn is_open(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    match stream.read(&mut [0; 1]) {
        Ok(0) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
        Err(error) if error.kind() == ErrorKind::WouldBlock => true,
        other => panic!("an answer to half a request: {other:?}"),
    }
}

const CONNECTIONS: usize = 5_000;

/// Either time-out, and some time for the closing itself.
const LONGEST: Duration = Duration::from_secs(6);
