//! Faults of the machine, each produced by the kernel itself: the tracker counts them and serves on.

#![allow(clippy::unwrap_used, reason = "all of it is tests, of which clippy knows the functions marked so alone")]

mod connections;
mod descriptors;
mod icmp;
mod refusals;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Duration;

use proto_tests::tracker::Tracker;
use proto_tests::wait_for;
use rustix::process::{Pid, Signal, kill_process};
use tracker_client::udp::packet;
use tracker_client::{Announce, Family, http, udp};

/// One worker, one socket of each kind; what it has counted is logged at its end.
const CONFIG: &str = "\
server.workers = 1
udp.listen = [\"127.0.0.1:0\"]
udp.receive_buffer = \"64KiB\"
http.listen = [\"127.0.0.1:0\"]
limits.ports_per_address = 0
log.level = \"debug\"
";

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Far beyond any answer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn udp_client(tracker: &Tracker) -> udp::Client {
    udp::Client::new(LOCALHOST, tracker.udp(Family::V4), PATIENCE).unwrap()
}

fn http_client(tracker: &Tracker) -> http::Client {
    http::Client::new(LOCALHOST, tracker.http(Family::V4), PATIENCE)
}

/// Panics unless a peer of its own is announced by UDP and found by HTTP.
#[track_caller]
fn assert_serves(tracker: &Tracker) {
    let torrent = rand::random();
    assert_eq!(udp_client(tracker).announce(&Announce::new(torrent, 1)).unwrap().leechers, 1);
    assert_eq!(http_client(tracker).announce("/announce", &Announce::new(torrent, 2)).unwrap().leechers, 2);
}

/// What a tracker that has ended says it counted.
fn counted(tracker: &Tracker, counter: &str) -> u64 {
    let count = |line: &str| line.split_once(&format!(" {counter}: "))?.1.trim().parse().ok();
    tracker.log().lines().find_map(count).unwrap_or(0)
}

/// Has the tracker receive no datagram while `meanwhile` sends some: then it finds them all at once.
fn while_stopped(tracker: &Tracker, meanwhile: impl FnOnce()) {
    signal(tracker, Signal::STOP);
    wait_for("the tracker to stop", PATIENCE, || match stat(tracker)[0].as_str() {
        "T" => Ok(()),
        state => Err(format!("it is in state {state}")),
    });
    meanwhile();
    signal(tracker, Signal::CONT);
}

fn signal(tracker: &Tracker, signal: Signal) {
    let pid = Pid::from_raw(tracker.pid().try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// How long the tracker has used a processor, to a hundredth of a second (proc(5), `utime` and `stime`).
fn processor_time(tracker: &Tracker) -> Duration {
    let stat = stat(tracker);
    let ticks: u64 = [11, 12].map(|field: usize| stat[field].parse::<u64>().unwrap()).iter().sum();
    Duration::from_millis(10 * ticks)
}

/// The fields behind the name of its program: its state, and 10 further on its times.
fn stat(tracker: &Tracker) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", tracker.pid())).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').map(str::to_owned).collect()
}

/// Waits until the kernel has no datagram left for the tracker.
fn drained(tracker: &Tracker) {
    let place = format!(":{:04X} ", tracker.udp(Family::V4).port());
    wait_for("the tracker to receive", PATIENCE, || {
        let sockets = fs::read_to_string("/proc/net/udp").unwrap();
        let line = sockets.lines().find(|line| line.contains(&place)).expect("the tracker has a socket");
        let queued = line.split_whitespace().nth(4).unwrap().split_once(':').unwrap().1;
        if queued == "00000000" { Ok(()) } else { Err(format!("{queued} bytes are queued")) }
    });
}

/// A socket that has sent a connect.
fn connecting(tracker: &Tracker, transaction: u32) -> UdpSocket {
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.connect(tracker.udp(Family::V4)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send(&packet::connect(transaction)).unwrap();
    socket
}
