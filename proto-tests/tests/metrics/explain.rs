//! `chihaya explain`, asking a tracker that runs.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;

use proto_tests::tracker::Tracker;
use tracker_client::{Announce, Family, udp};

use super::{CONFIG, LOCALHOST, PATIENCE, ask};

const HASH: &str = "59185b7eab81b3f0ebbe4cd58ac44213b15dc655";

/// Exit status and what is said, on either stream.
fn explain(admin: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chihaya-under-test"));
    let output = command.arg("explain").args(arguments).env("CHIHAYA__ADMIN__LISTEN", admin).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_swarm_and_who_is_in_it_are_explained() {
    let tracker = Tracker::start(CONFIG);
    let admin = tracker.admin().to_string();
    let info_hash: Vec<_> = (0..20).map(|at| u8::from_str_radix(&HASH[2 * at..2 * at + 2], 16).unwrap()).collect();
    let info_hash: [u8; 20] = info_hash.try_into().unwrap();
    let mut client = udp::Client::new(LOCALHOST[0], tracker.udp(Family::V4), PATIENCE).unwrap();
    for (port, left) in [(6_882, 1), (6_881, 1), (6_883, 0)] {
        client.announce(&Announce::new(info_hash, port).left(left)).unwrap();
    }
    let swarms =
        format!("torrent    {HASH}\nIPv4       seeders 1, leechers 2, downloads completed 0\nIPv6       nobody\n");
    assert_eq!(explain(&admin, &[HASH]), (Some(0), swarms.clone()));
    let of = |address: &str, verdict: &str, there: &str| {
        let address_alone =
            address.parse::<SocketAddr>().map_or(address.to_owned(), |address| address.ip().to_string());
        let said = format!("{swarms}address    {address_alone}\nannounces  are {verdict}\nin swarm   {there}\n");
        assert_eq!(explain(&admin, &[HASH, address]), (Some(0), said));
    };
    let stored = "answered and stored, within [limits] and where there is room";
    of("127.0.0.1", stored, "yes, at port 6881, 6882, 6883");
    of("127.0.0.1:6882", stored, "yes, at port 6882");
    of("127.0.0.1:1", stored, "no");
    of("192.0.2.1", stored, "no");
    of("2001:db8::1", stored, "no");
    of("224.0.0.1", "refused: invalid address", "no");
    of("192.0.2.1:0", "refused: invalid port", "no");
    // Nothing of that has stored anything.
    assert_eq!(explain(&admin, &[HASH]), (Some(0), swarms));
}

#[test]
fn a_private_address_is_explained_by_the_rule_that_keeps_it_out() {
    let tracker = Tracker::start(&format!("{CONFIG}tracker.store_private_addresses = false\n"));
    let (status, said) = explain(&tracker.admin().to_string(), &[HASH, "192.168.0.1"]);
    let rule =
        "announces  are answered and not stored: the address is private, and tracker.store_private_addresses = false\n";
    assert!(status == Some(0) && said.contains(rule), "{said}");
}

#[test]
fn what_cannot_be_explained_is_told_in_one_line() {
    let tracker = Tracker::start(CONFIG);
    let admin = tracker.admin().to_string();
    let told = |admin: &str, arguments: &[&str], told: &str| {
        let (status, said) = explain(admin, arguments);
        assert!(status == Some(2) && said.starts_with(told) && said.lines().count() == 1, "{status:?}: {said}");
    };
    told(&admin, &["59"], "\"59\" is no info hash; ");
    told(&admin, &[HASH, "localhost"], "\"localhost\" is no address; ");
    told("", &[HASH], "admin.listen is empty");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    told(&nobody, &[HASH], &format!("cannot ask the tracker at {nobody}: Connection refused"));
    let other = tracker.http(Family::V4).to_string();
    told(&other, &[HASH], &format!("what answers at {other} is no tracker that explains: HTTP/1.1 404 Not Found"));
    // The public listener explains nothing.
    let request = format!("GET /explain?info_hash={HASH} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    assert!(ask(tracker.http(Family::V4), &request).0.starts_with("HTTP/1.1 404 "));
    let (head, _) = ask(tracker.admin(), "GET /explain?info_hash=x HTTP/1.1\r\nHost: t\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
}
