//! Each program on UDP runs once, briefly: it says nothing about time, but loses nothing and counts everything.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::net::UdpSocket;
use std::process::{Command, Output};

/// Ports nobody has at the moment. The programs start servers at ports they are told.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let sockets = [(); COUNT].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn arguments(options: &str, servers: &[(&str, u16, &str, Vec<String>)]) -> Vec<String> {
    let mut arguments: Vec<_> = options.split_whitespace().map(str::to_owned).collect();
    for (name, port, program, words) in servers {
        arguments.extend(["--server".to_owned(), (*name).to_owned(), port.to_string(), (*program).to_owned()]);
        arguments.extend(words.iter().cloned());
    }
    arguments
}

/// The tracker at an address, without a file: `env` sets what would be in it.
fn tracker(name: &'static str, listen: &str, port: u16) -> (&'static str, u16, &'static str, Vec<String>) {
    let words = [
        "CHIHAYA__SERVER__WORKERS=1".to_owned(),
        format!("CHIHAYA__UDP__LISTEN={listen}:{port}"),
        "CHIHAYA__HTTP__LISTEN=[]".to_owned(),
        "CHIHAYA__ADMIN__LISTEN=[]".to_owned(),
        env!("CARGO_BIN_EXE_chihaya-under-load").to_owned(),
    ];
    (name, port, "env", words.into())
}

fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    assert!(status.success(), "{status}:\n{stdout}\n{}", String::from_utf8_lossy(&stderr));
    stdout
}

/// The cells of the row that begins with `name`; columns are two blanks apart at least.
fn row<'a>(table: &'a str, name: &str) -> Vec<&'a str> {
    let row = table.lines().find(|line| line.starts_with(&format!("{name}  ")));
    let row = row.unwrap_or_else(|| panic!("no row {name}:\n{table}"));
    row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

fn load(options: &str) -> String {
    let [echo, one, wildcard] = free_ports();
    let servers = [
        ("echo", echo, env!("CARGO_BIN_EXE_udp_echo"), vec![format!("127.0.0.1:{echo}")]),
        tracker("one", "127.0.0.1", one),
        tracker("wildcard", "0.0.0.0", wildcard),
    ];
    let brief = "--peers 5000 --torrents zipf:1000 --addresses 8 --seconds 0.3 --rounds 2 --no-pin";
    let arguments = arguments(&format!("{brief} {options}"), &servers);
    output(Command::new(env!("CARGO_BIN_EXE_udp_load")).args(arguments))
}

#[test]
fn udp_load_loses_nothing_and_has_replies_of_the_expected_lengths() {
    let table = load("--mix 40/40/20");
    for server in ["echo", "one", "wildcard"] {
        let row = row(&table, server);
        let [lost, _, other_length] = row[row.len() - 3..] else { unreachable!("three of them") };
        assert_eq!((lost, other_length), ("0", "0"), "{table}");
    }
}

#[test]
fn udp_load_tells_delays_at_a_rate() {
    let table = load("--rate 2000");
    assert!(table.contains("p99.9"), "{table}");
    for server in ["echo", "one", "wildcard"] {
        let row = row(&table, server);
        assert_eq!(row[row.len() - 3], "0", "{table}");
    }
}

#[test]
fn memory_counts_every_peer_back() {
    let [one] = free_ports();
    for (options, torrents) in [("--fill giant", "1"), ("--fill single --torrents even:3000", "3,000")] {
        let arguments = arguments(&format!("{options} --peers 3000"), &[tracker("one", "127.0.0.1", one)]);
        let table = output(Command::new(env!("CARGO_BIN_EXE_memory")).args(arguments));
        assert!(table.contains(&format!("3,000 peers in {torrents} torrents")), "{table}");
        assert_eq!(row(&table, "one")[5], "3,000", "{table}");
    }
}

/// In a network of its own, as the README has it, which needs root.
#[test]
fn memory_counts_peers_of_ipv6_back() {
    let arguments = arguments("--ipv6 --fill zipf --peers 3000", &[tracker("one", "[::1]", 6969)]);
    let network = "ip link set lo up && ip -6 route add local 2001:db8::/32 dev lo && exec \"$@\"";
    let memory = ["-n", "sh", "-c", network, "sh", env!("CARGO_BIN_EXE_memory")];
    let table = output(Command::new("unshare").args(memory).args(arguments));
    assert_eq!(row(&table, "one")[5], "3,000", "{table}");
}
