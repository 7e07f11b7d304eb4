//! No file descriptors left.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Instant;

use super::*;

#[test]
fn without_file_descriptors_udp_is_served_and_http_is_back_within_a_second() {
    let program = env!("CARGO_BIN_EXE_chihaya-under-test");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {DESCRIPTORS}; exec {program} \"$@\""), "sh"]);
    let mut tracker = Tracker::start_command(&mut shell, CONFIG);
    let connect = || TcpStream::connect(tracker.http(Family::V4)).unwrap();
    let taken: Vec<_> = (0..DESCRIPTORS).map(|_| connect()).collect();
    wait_for("the descriptors to run out", PATIENCE, || {
        let open = fs::read_dir(format!("/proc/{}/fd", tracker.pid())).unwrap().count();
        if open >= DESCRIPTORS { Ok(()) } else { Err(format!("{open} are open")) }
    });

    // The kernel has it, the tracker cannot.
    let mut waiting = connect();
    waiting.write_all(b"GET /announce HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let (before, start) = (processor_time(&tracker), Instant::now());
    let nothing = waiting.read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    let used = (processor_time(&tracker) - before).as_secs_f64() / start.elapsed().as_secs_f64();
    assert!(used < 0.3, "{used:.2} of a processor, waiting");

    let mut client = udp_client(&tracker);
    let mut times = Vec::new();
    for port in 1..=200 {
        let start = Instant::now();
        assert_eq!(client.announce(&Announce::new([1; 20], port)).unwrap().leechers, u32::from(port));
        times.push(start.elapsed());
    }
    times.sort_unstable();
    assert!(times[190] < Duration::from_millis(100), "{:?} of 200 UDP announces", times[190]);

    drop(taken);
    let start = Instant::now();
    waiting.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    waiting.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", answer.escape_ascii());
    assert!(start.elapsed() < Duration::from_secs(1), "HTTP was back after {:?}", start.elapsed());
    assert_serves(&tracker);
    assert!(tracker.stop().success());
    assert!(counted(&tracker, "http_rejected accept") > 0);
}

/// More than a tracker of one worker opens to start with.
const DESCRIPTORS: usize = 64;
