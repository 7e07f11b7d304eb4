//! `chihaya dns` against a name server: Debian's dnsmasq.

use std::fs;
use std::thread;

use proto_tests::process::Process;
use proto_tests::wait_for;
use tempfile::TempDir;

use super::*;

/// A name server for names below `example`.
struct NameServer {
    address: String,
    _process: Process,
    _directory: TempDir,
}

impl NameServer {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port(LOCALHOST);
        // More than 512 bytes: asked again over TCP.
        let long: String = (1..=9).map(|n| format!("txt-record=long.example,{}{n}\n", "x".repeat(200))).collect();
        let config = format!(
            "port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nuser=\nlocal=/example/\n\
             txt-record=tracker.example,\"BITTORRENT UDP:1337 TCP:80\"\ntxt-record=tracker.example,v=spf1\n\
             txt-record=deny.example,\"BITTORRENT DENY ALL\"\ntxt-record=web.example,v=spf1\n\
             cname=alias.example,tracker.example\n{long}txt-record=long.example,BITTORRENT TCP:9\n"
        );
        let file = directory.path().join("dnsmasq.conf");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--pid-file="]);
        command.arg(format!("--conf-file={}", file.display()));
        let process = Process::start(&mut command);
        let server = Self { address: format!("127.0.0.1:{port}"), _process: process, _directory: directory };
        let ready = || if server.ask("tracker.example", &[]).status == Some(0) { Ok(()) } else { Err("no answer") };
        wait_for("dnsmasq", PATIENCE, ready);
        server
    }

    fn ask(&self, name: &str, arguments: &[&str]) -> Outcome {
        chihaya(&[&["dns", name, "--server", &self.address, "--timeout", "5s"], arguments].concat())
    }
}

#[test]
fn a_record_is_told_and_decoded() {
    let server = NameServer::start();
    for name in ["tracker.example", "alias.example", "tracker.example."] {
        let told = server.ask(name, &[]);
        assert_eq!(told.status, Some(0), "{told:?}");
        assert_eq!(told.values("record"), ["\"BITTORRENT UDP:1337 TCP:80\""], "{told:?}");
        assert_eq!(told.values("trackers"), ["UDP, port 1337"], "{told:?}");
        assert!(told.stdout.contains("\n              HTTP, port 80\n"), "{told:?}");
        assert_eq!(told.values("to publish"), ["\"BITTORRENT UDP:6969 TCP:6969\", by this configuration"]);
    }
    let denied = server.ask("deny.example", &[]);
    assert_eq!(denied.status, Some(0));
    assert_eq!(denied.values("trackers"), ["none: clients are told to leave this host alone"]);
    let long = server.ask("long.example", &[]);
    assert_eq!((long.status, long.values("trackers")), (Some(0), vec!["HTTP, port 9"]), "{long:?}");
    let json = server.ask("tracker.example", &["--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["records"][0]["trackers"][1], serde_json::json!({"transport": "http", "port": 80}), "{json}");
}

#[test]
fn no_record_and_no_name_are_told() {
    let server = NameServer::start();
    let none = server.ask("web.example", &[]);
    assert_eq!((none.status, none.values("record").len()), (Some(1), 1), "{none:?}");
    assert!(none.values("record")[0].starts_with("none about trackers"), "{none:?}");
    server.ask("nobody.example", &[]).assert_failed("there is no such name, says 127.0.0.1:");
}

#[test]
fn a_server_that_is_not_there_or_lies_is_given_up() {
    let closed = format!("127.0.0.1:{}", free_port(LOCALHOST));
    let told = chihaya(&["dns", "tracker.example", "--server", &closed, "--timeout", "1s"]);
    told.assert_failed(&format!("no answer from {closed} within 1s"));
    // Replies with another id, and then one that breaks off.
    let liar = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    let address = liar.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = liar.recv_from(&mut query) {
            query[2] |= 0x80;
            query[7] = 1;
            query[0] ^= 1;
            let _ = liar.send_to(&query[..length], client);
            query[0] ^= 1;
            let _ = liar.send_to(&query[..length], client);
        }
    });
    let told = chihaya(&["dns", "tracker.example", "--server", &address, "--timeout", "2s"]);
    told.assert_failed(&format!("no answer from {address} within 2s"));
}
