//! What a command line asks for that cannot be is refused at once: with status 2, and one line that names the option, the
//! value, and what is allowed.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::net::UdpSocket;
use std::process::{Command, Output};

const UDP_LOAD: &str = env!("CARGO_BIN_EXE_udp_load");
const HTTP_LOAD: &str = env!("CARGO_BIN_EXE_http_load");
const MEMORY: &str = env!("CARGO_BIN_EXE_memory");
const STORE: &str = env!("CARGO_BIN_EXE_store");
const INSTRUCTIONS: &str = env!("CARGO_BIN_EXE_instructions");
const REDIS_LOAD: &str = env!("CARGO_BIN_EXE_redis_load");
const UDP_ECHO: &str = env!("CARGO_BIN_EXE_udp_echo");
const HTTP_CONSTANT: &str = env!("CARGO_BIN_EXE_http_constant");

/// The one line on standard error of a program that could not do its task.
fn refusal(program: &str, words: &str) -> String {
    let Output { status, stdout, stderr } = Command::new(program).args(words.split_whitespace()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(2), "{program} {words}:\n{stdout}\n{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{program} {words}:\n{stderr}");
    let name = program.rsplit('/').next().unwrap();
    assert!(stderr.starts_with(&format!("{name}: ")), "{program} {words}:\n{stderr}");
    stderr
}

/// A program, a command line, and words that its refusal has.
type Refused = (&'static str, &'static str, &'static [&'static str]);

fn refuse(table: &[Refused]) {
    for (program, words, told) in table {
        let line = refusal(program, words);
        for word in *told {
            assert!(line.contains(word), "{program} {words}: {word:?} is missing in\n{line}");
        }
    }
}

#[test]
fn values_out_of_range_are_refused_by_every_load_generator() {
    const TABLE: &[(&str, &[&str])] = &[
        ("--peers 0", &["'0'", "--peers", "from 1 to 4294967295"]),
        ("--peers many", &["'many'", "--peers", "a whole number"]),
        ("--peers 63 --addresses 64", &["--peers 63", "--addresses", "64"]),
        ("--peers 70000 --torrents even:1 --addresses 1", &["--addresses 1", "70000", "2 at least"]),
        ("--seeders 1.5", &["'1.5'", "--seeders", "from 0 to 1"]),
        ("--seeders NaN", &["'NaN'", "--seeders", "from 0 to 1"]),
        ("--addresses 0", &["'0'", "--addresses", "from 1 to 65536"]),
        ("--addresses 65537", &["'65537'", "--addresses", "from 1 to 65536"]),
        ("--torrents normal:5", &["'normal:5'", "--torrents", "zipf:N, uniform:N or even:N"]),
        ("--torrents zipf:0", &["'zipf:0'", "--torrents", "N from 1"]),
        ("--seed x", &["'x'", "--seed", "a whole number"]),
        ("--seed 1 --seed 2", &["--seed", "multiple times"]),
        ("--peer 5", &["--peer", "--peers"]),
        ("--peers", &["--peers", "value"]),
        ("peers", &["'peers'"]),
        ("--server one", &["--server", "'one'", "a name, a port and a command"]),
        ("--server one 7600", &["--server", "'one 7600'", "a name, a port and a command"]),
        ("--server one 7600 --seed 2", &["--server", "'one 7600'", "a name, a port and a command"]),
        ("--server one port true", &["--server", "PORT", "from 1 to 65535"]),
        ("--server one 0 true", &["--server", "PORT", "from 1 to 65535"]),
    ];
    for program in [UDP_LOAD, HTTP_LOAD, MEMORY] {
        let whole = |(words, told)| {
            let words: &str = words;
            let server = if words.contains("--server") { "" } else { "--server one 7600 true" };
            (format!("{words} {server}"), told)
        };
        for (words, told) in TABLE.iter().copied().map(whole) {
            let line = refusal(program, &words);
            let missing: Vec<_> = told.iter().filter(|word| !line.contains(*word)).collect();
            assert!(missing.is_empty(), "{program} {words}: {missing:?} missing in\n{line}");
        }
        refuse(&[(program, "", &["--server", "required"])]);
    }
}

#[test]
fn values_out_of_range_are_refused_by_each_program() {
    refuse(&[
        (UDP_LOAD, "--rate 0 --server a 7600 true", &["'0'", "--rate", "from 1 to 10000000"]),
        (UDP_LOAD, "--window 0 --server a 7600 true", &["'0'", "--window", "a multiple of 64"]),
        (UDP_LOAD, "--window 100 --server a 7600 true", &["'100'", "--window", "a multiple of 64"]),
        (
            UDP_LOAD,
            "--window 256 --addresses 3 --server a 7600 true",
            &["--window 256", "4 bursts", "--addresses", "3"],
        ),
        (UDP_LOAD, "--mix 50/50/50 --server a 7600 true", &["'50/50/50'", "--mix", "add up to 100"]),
        (UDP_LOAD, "--mix 50/x/50/0 --server a 7600 true", &["'50/x/50/0'", "--mix", "three whole numbers"]),
        (UDP_LOAD, "--rounds 0 --server a 7600 true", &["'0'", "--rounds", "from 1 to 10000"]),
        (UDP_LOAD, "--seconds 0 --server a 7600 true", &["'0'", "--seconds", "from 0.1 to 86400"]),
        (UDP_LOAD, "--seconds inf --server a 7600 true", &["'inf'", "--seconds", "from 0.1 to 86400"]),
        (UDP_LOAD, "--numwant 201 --server a 7600 true", &["'201'", "--numwant", "from 0 to 200"]),
        (HTTP_LOAD, "--rounds 0 --server a 7600 true", &["'0'", "--rounds", "from 1 to 10000"]),
        (HTTP_LOAD, "--seconds 0 --server a 7600 true", &["'0'", "--seconds", "from 0.1 to 86400"]),
        (HTTP_LOAD, "--numwant -1 --server a 7600 true", &["-1"]),
        (HTTP_LOAD, "--numwant 201 --server a 7600 true", &["'201'", "--numwant", "from 0 to 200"]),
        (HTTP_LOAD, "--window 64 --server a 7600 true", &["--window"]),
        (MEMORY, "--fill huge --server a 7600 true", &["'huge'", "--fill", "zipf, giant, single, large"]),
        (MEMORY, "--expire 0 --server a 7600 true", &["'0'", "--expire", "from 1 to 86400"]),
        (MEMORY, "--write-hashes /nowhere/hashes --peers 300", &["--write-hashes", "/nowhere/hashes"]),
        (STORE, "foo", &["'foo'", "PART", "steady-large"]),
        (STORE, "--seeders 200", &["'200'", "--seeders", "from 0 to 100"]),
        (STORE, "--rounds 0", &["'0'", "--rounds", "from 1 to 10000"]),
        (STORE, "--want 201", &["'201'", "--want", "from 0 to 200"]),
        (STORE, "--want", &["--want", "value"]),
        (INSTRUCTIONS, "walk", &["'walk'"]),
        (REDIS_LOAD, "--rounds 0", &["'0'", "--rounds", "from 1 to 10000"]),
        (REDIS_LOAD, "--connections 0", &["'0'", "--connections", "from 1 to 256"]),
        (REDIS_LOAD, "--script /nowhere --rounds 1", &["redis-benchmark", "/nowhere"]),
        (UDP_ECHO, "", &["<ADDRESS>"]),
        (UDP_ECHO, "127.0.0.1", &["'127.0.0.1'", "<ADDRESS>", "an IP address and a port"]),
        (UDP_ECHO, "127.0.0.1:0", &["'127.0.0.1:0'", "<ADDRESS>", "from 1 to 65535"]),
        (UDP_ECHO, "192.0.2.1:7600", &["192.0.2.1:7600"]),
        (HTTP_CONSTANT, "127.0.0.1:http", &["'127.0.0.1:http'", "<ADDRESS>", "an IP address and a port"]),
        (HTTP_CONSTANT, "127.0.0.1:7600 -5", &["-5"]),
        (HTTP_CONSTANT, "127.0.0.1:7600 201", &["'201'", "[PEERS]", "from 0 to 200"]),
        (HTTP_CONSTANT, "192.0.2.1:7600", &["192.0.2.1:7600"]),
    ]);
}

/// A server that ends is noticed at once, whichever program has started it.
#[test]
fn a_server_that_cannot_serve_is_told_of() {
    let few = "--peers 300 --torrents even:3 --addresses 3";
    for program in [UDP_LOAD, HTTP_LOAD, MEMORY] {
        let no_pin = if program == MEMORY { "" } else { "--no-pin" };
        let line = refusal(program, &format!("{no_pin} {few} --server gone 7601 {UDP_ECHO} nowhere"));
        for word in ["gone at 127.0.0.1:7601", "exit status: 2", "its last words: udp_echo: ", "'nowhere'"] {
            assert!(line.contains(word), "{word:?} is missing in\n{line}");
        }
        let (_, log) = line.trim_end().split_once("all of its output: ").expect(&line);
        std::fs::remove_file(log).unwrap();
        let line = refusal(program, &format!("--server none 7601 /nowhere/tracker {few} {no_pin}"));
        assert!(line.contains("none at 127.0.0.1:7601: cannot start /nowhere/tracker: "), "{line}");
    }
}

/// The other one is this test: it answers a connect.
#[test]
fn a_port_that_somebody_else_serves_is_not_measured() {
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut buffer = [0; 16];
        let (_, client) = other.recv_from(&mut buffer).unwrap();
        buffer.copy_within(8..16, 0);
        other.send_to(&buffer, client).unwrap();
    });
    let line = refusal(UDP_LOAD, &format!("--no-pin --peers 300 --server mine {port} sleep 60"));
    assert!(line.contains(&format!("mine at 127.0.0.1:{port}: another server answers there already")), "{line}");
}

#[test]
fn help_tells_every_option_with_its_default() {
    let load =
        ["--torrents <KIND:N>", "--peers <N>", "--seeders <SHARE>", "--addresses <N>", "--seed <N>", "--server <"];
    let turns = ["--seconds <SECONDS>", "--rounds <N>", "--no-pin", "--numwant <N>", "[default: 30]", "[default: 9]"];
    let udp = [
        "zipf:2150000]",
        "[default: 2000000]",
        "[default: 3]",
        "--mix",
        "50/50/0]",
        "--window",
        "[default: 128; with one address, 64]",
    ];
    let http = ["--close", "even:4000]", "[default: 200000]", "[default: 0.1]", "[default: 2]", "[default: 64]"];
    let memory = ["--fill", "[default: zipf]", "zipf:1048576", "[default: 256]", "[default: the fill's]", "--expire"];
    let store =
        ["--want", "[default: 50 30]", "--seeders <PERCENT>", "[default: 50]", "--ipv6", "--brief", "steady-large"];
    for (program, told) in [
        (UDP_LOAD, [&load[..], &turns, &udp, &["--rate", "--write-hashes"]].concat()),
        (HTTP_LOAD, [&load[..], &turns, &http].concat()),
        (MEMORY, [&load[..], &memory, &["--ipv6"]].concat()),
        (STORE, store.to_vec()),
        (INSTRUCTIONS, vec!["callgrind"]),
        (UDP_ECHO, vec!["<ADDRESS>"]),
        (HTTP_CONSTANT, vec!["<ADDRESS>", "[PEERS]", "[default: 30]"]),
    ] {
        let Output { status, stdout, stderr } = Command::new(program).arg("--help").output().unwrap();
        let help = String::from_utf8(stdout).unwrap();
        assert!(status.success() && stderr.is_empty(), "{program}: {status}");
        for word in told {
            assert!(help.contains(word), "{program}: {word} is missing in\n{help}");
        }
    }
}
