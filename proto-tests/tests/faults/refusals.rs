//! What a kernel may answer to the two calls that move datagrams, given by a filter of system calls (seccomp(2)).

use std::thread;
use std::time::Instant;

use libc::{EAGAIN, EHOSTUNREACH, ENETUNREACH, ENOBUFS, ENOMEM, EPERM};
use libc::{ECONNREFUSED, SYS_recvmmsg, SYS_sendmmsg, c_int, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::*;

/// A tracker whose kernel answers `error` to a call, wherever its batch has so many datagrams.
fn tracker_refused(call: c_long, datagrams: u64, error: c_int) -> Tracker {
    let start = move || {
        let batch = SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, datagrams).unwrap();
        let rules = [(call, vec![SeccompRule::new(vec![batch]).unwrap()])].into_iter().collect();
        let (architecture, error) = (std::env::consts::ARCH.try_into().unwrap(), u32::try_from(error).unwrap());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error), architecture);
        let program: BpfProgram = filter.unwrap().try_into().unwrap();
        // For this thread and what it starts.
        seccompiler::apply_filter(&program).unwrap();
        Tracker::start(CONFIG)
    };
    thread::spawn(start).join().unwrap()
}

/// A full send buffer, no buffers, a firewall, ICMP errors of earlier replies, no route.
#[test]
fn replies_that_the_kernel_refuses_are_counted_and_the_next_are_sent() {
    for error in [EAGAIN, ENOBUFS, EPERM, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH] {
        // Replies by themselves are refused, two together are sent.
        let mut tracker = tracker_refused(SYS_sendmmsg, 1, error);
        for transaction in 0..REFUSED {
            connecting(&tracker, transaction);
            drained(&tracker);
        }
        let mut clients = Vec::new();
        while_stopped(&tracker, || clients.extend([1, 2].map(|transaction| connecting(&tracker, transaction))));
        for client in clients {
            assert_eq!(client.recv(&mut [0; 100]).unwrap(), 16, "after error {error}");
        }
        assert_eq!(http_client(&tracker).announce("/announce", &Announce::new([1; 20], 1)).unwrap().leechers, 1);
        assert!(tracker.stop().success());
        assert_eq!(counted(&tracker, "dropped send"), u64::from(REFUSED), "of error {error}");
    }
}

/// However long it lasts: HTTP on the same worker is served meanwhile, and the worker does not spin.
#[test]
fn a_socket_that_cannot_be_received_from_keeps_nothing_else_from_being_served() {
    for error in [ENOBUFS, ENOMEM, EPERM, ECONNREFUSED] {
        let mut tracker = tracker_refused(SYS_recvmmsg, 64, error);
        let client = connecting(&tracker, 0);
        client.set_read_timeout(Some(WINDOW)).unwrap();
        let (before, start) = (processor_time(&tracker), Instant::now());
        assert!(client.recv(&mut [0; 100]).is_err(), "nothing has been received");
        let used = (processor_time(&tracker) - before).as_secs_f64() / start.elapsed().as_secs_f64();
        assert!(used < MOST_OF_A_PROCESSOR, "error {error}: {used:.2} of a processor, waiting");
        let announced = http_client(&tracker).announce("/announce", &Announce::new([1; 20], 1));
        assert_eq!(announced.unwrap().leechers, 1, "after error {error}");
        assert!(tracker.stop().success());
        assert!(counted(&tracker, "receive_failures") > 0, "of error {error}");
    }
}

/// How many replies are refused.
const REFUSED: u32 = 3;

/// How long it is watched.
const WINDOW: Duration = Duration::from_secs(1);

/// A loop that pauses takes some hundredths of a processor, one that does not all of it.
const MOST_OF_A_PROCESSOR: f64 = 0.3;
