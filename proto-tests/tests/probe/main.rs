//! The probe against trackers of others, against this one, and against what is no tracker or a hostile one.
//!
//! Needs `opentracker`, `dnsmasq` and `nft` of Debian and `bittorrent-tracker` of npm, which `proto-tests/run` installs, and root
//! for network namespaces.

#![allow(clippy::unwrap_used, reason = "all of it is tests, of which clippy knows the functions marked so alone")]

mod check;
mod dns;
mod families;
mod hostile;
mod others;
mod silence;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

/// The tracker itself.
const CHIHAYA: &str = env!("CARGO_BIN_EXE_chihaya-under-test");

/// Starts of other programs, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const LOCALHOST_V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A torrent of these tests.
const HASH: &str = "3131313131313131313131313131313131313131";

/// What a run of the program came to.
#[derive(Debug)]
struct Outcome {
    status: Option<i32>,
    stdout: String,
    took: Duration,
}

impl Outcome {
    /// The values of a word in a table, in order.
    fn values(&self, word: &str) -> Vec<&str> {
        let value = |line| str::strip_prefix(line, word)?.strip_prefix(' ').map(str::trim_start);
        self.stdout.lines().filter_map(value).collect()
    }

    /// Fails unless the one failure it tells begins so, and that was its exit status.
    #[track_caller]
    fn assert_failed(&self, told: &str) {
        let failures = self.values("failed");
        assert!(matches!(failures[..], [failure] if failure.starts_with(told)), "not {told:?}: {self:?}");
        assert_eq!(self.status, Some(1), "{self:?}");
    }
}

fn chihaya(arguments: &[&str]) -> Outcome {
    outcome(Command::new(CHIHAYA).args(arguments))
}

fn outcome(command: &mut Command) -> Outcome {
    let start = Instant::now();
    let output = command.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{stdout}");
    Outcome { status: output.status.code(), stdout, took: start.elapsed() }
}

/// A port of this address that is free for both transports now.
fn free_port(address: IpAddr) -> u16 {
    (0..100)
        .find_map(|_| {
            let tcp = TcpListener::bind((address, 0)).unwrap();
            let port = tcp.local_addr().unwrap().port();
            UdpSocket::bind((address, port)).ok().map(|_| port)
        })
        .expect("one port of a hundred is free for both")
}

fn url(transport: &str, address: SocketAddr) -> String {
    format!("{transport}://{address}/announce")
}
