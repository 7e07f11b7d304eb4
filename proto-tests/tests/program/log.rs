//! What is logged at the start, and what never is.

use proto_tests::namespace::Namespace;
use proto_tests::process::Process;
use tracker_client::udp::packet;
use tracker_client::{Announce, Family};

use super::*;

#[test]
fn the_start_tells_one_announce_url_a_line_and_ends_in_ready() {
    let config = "udp.listen = [\"127.0.0.1:0\", \"[::1]:0\"]\nhttp.listen = [\"127.0.0.1:0\"]\n\
                  udp.receive_buffer = \"64KiB\"\nhttp.announce_path = \"/a/b\"";
    let tracker = Tracker::start(config);
    let log = tracker.log();
    let lines = messages(&log);
    let [udp4, udp6, http4, "ready"] = lines[..] else { panic!("{lines:?}") };
    assert!(udp4.starts_with("udp://127.0.0.1:") && udp4.ends_with("/announce"), "{udp4}");
    assert!(udp6.starts_with("udp://[::1]:") && udp6.ends_with("/announce"), "{udp6}");
    assert!(http4.starts_with("http://127.0.0.1:") && http4.ends_with("/a/b"), "{http4}");
    assert!(lines.iter().all(|line| !line.contains(":0/")), "a port of the system's choice is told: {lines:?}");
    udp_client(tracker.udp(Family::V6)).connect().unwrap();
}

#[test]
fn the_public_host_stands_for_the_addresses() {
    let config = format!("{ANYWHERE}server.public_host = \"tracker.example\"");
    for url in Tracker::start(&config).urls() {
        assert!(url.contains("://tracker.example:"), "{url}");
    }
}

#[test]
fn a_wildcard_is_told_as_the_addresses_of_the_interfaces() {
    let namespace = Namespace::new("wildcard");
    namespace.ip("addr add 198.51.100.7/24 dev lo");
    namespace.ip("addr add 2001:db8::7/64 dev lo nodad");
    let config = "udp.listen = [\"0.0.0.0:1000\", \"[::]:1001\"]\nhttp.listen = [\"[::]:1002\"]";
    let tracker = namespace.run(|| Tracker::start(config));
    let expected =
        ["udp://198.51.100.7:1000/announce", "udp://[2001:db8::7]:1001/announce", "http://[2001:db8::7]:1002/announce"];
    assert_eq!(tracker.urls(), expected);
}

#[test]
fn an_empty_list_turns_a_frontend_off() {
    let tracker = Tracker::start(&ANYWHERE.replace("udp.listen = [\"127.0.0.1:0\"]", "udp.listen = []"));
    assert_eq!(tracker.urls(), [tracker.http_url()]);
    assert!(http_client(tracker.http(Family::V4)).scrape("/scrape", &[[1; 20]]).is_ok());
    let tracker = Tracker::start(&ANYWHERE.replace("http.listen = [\"127.0.0.1:0\"]", "http.listen = []"));
    assert_eq!(tracker.urls(), [tracker.udp_url()]);
    assert!(udp_client(tracker.udp(Family::V4)).scrape(&[[1; 20]]).is_ok());
}

/// A JSON log's lines as objects.
fn objects(log: &str) -> Vec<serde_json::Map<String, serde_json::Value>> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn a_json_log_says_the_same() {
    let namespace = Namespace::new("json");
    namespace.run(|| {
        let said = |format: &str| {
            let mut command = Command::new(CHIHAYA);
            let mut process = Process::start(command.env("CHIHAYA__LOG__FORMAT", format));
            let ready = || process.log().contains("ready").then_some(()).ok_or("it does not say so");
            wait_for("the tracker to be ready", PATIENCE, ready);
            assert!(process.terminate(PATIENCE).success());
            process.log()
        };
        let (json, text) = (said("json"), said("text"));
        let objects = objects(&json);
        assert!(objects.iter().all(|object| ["timestamp", "level"].iter().all(|key| object[*key].is_string())));
        let said_in_json: Vec<_> = objects.iter().map(|object| object["message"].as_str().unwrap()).collect();
        assert_eq!(said_in_json, messages(&text));
        assert_eq!(said_in_json.last(), Some(&"stopped"));
    });
}

#[test]
fn a_failed_start_is_json_too() {
    let outcome = Files::with("log.format = \"json\"\nudp.listen = [\"192.0.2.1:1\"]\nhttp.listen = []").serve();
    let [error] = &objects(&outcome.stderr)[..] else { panic!("{outcome:?}") };
    assert_eq!(error["level"], "ERROR");
    assert!(error["message"].as_str().unwrap().starts_with("udp.listen: cannot listen on 192.0.2.1:1: "));
    assert_eq!(outcome.status, Some(2));
}

#[test]
fn a_log_of_errors_is_silent_while_there_are_none() {
    let namespace = Namespace::new("silent");
    namespace.run(|| {
        let mut process = Process::start(Command::new(CHIHAYA).env("CHIHAYA__LOG__LEVEL", "error"));
        let address = SocketAddr::new(LOCALHOST, 6969);
        let mut client = udp::Client::new(LOCALHOST, address, Duration::from_millis(100)).unwrap();
        wait_for("an answer", PATIENCE, || client.connect());
        assert!(process.terminate(PATIENCE).success());
        assert_eq!(process.log(), "");
    });
}

#[test]
fn refused_connections_are_told_of_once() {
    let tracker = Tracker::start(&format!("{ANYWHERE}http.max_connections = 1"));
    let address = tracker.http(Family::V4);
    let mut first = http_client(address);
    first.scrape("/scrape", &[[1; 20]]).unwrap();
    for _ in 0..5 {
        assert!(http_client(address).scrape("/scrape", &[[1; 20]]).is_err());
    }
    first.scrape("/scrape", &[[1; 20]]).unwrap();
    let told = "http.max_connections: all 1 are open, others are closed at once; raise it, or lower idle_timeout";
    assert_eq!(messages(&tracker.log()).iter().filter(|message| **message == told).count(), 1, "{}", tracker.log());
}

#[test]
fn a_full_store_is_told_of_once() {
    let mut tracker = Tracker::start(&format!("{ANYWHERE}storage.memory.max_peers = 2"));
    let mut client = udp_client(tracker.udp(Family::V4));
    for port in 1..10 {
        let announced = client.announce(&Announce::new([1; 20], port)).unwrap();
        assert_eq!(announced.leechers, u32::from(port.min(2)));
    }
    // Then all that it has logged has been read.
    assert!(tracker.stop().success());
    let told = "storage: max_peers = 2 is reached; others are answered and not stored";
    assert_eq!(messages(&tracker.log()).iter().filter(|message| **message == told).count(), 1, "{}", tracker.log());
}

#[test]
fn nothing_is_logged_of_requests_and_garbage() {
    let mut tracker = Tracker::start(ANYWHERE);
    let before = tracker.log();
    let (udp, http) = (tracker.udp(Family::V4), tracker.http(Family::V4));
    let mut client = udp_client(udp);
    let announce = Announce::new([1; 20], 6881);
    client.announce(&announce).unwrap();
    client.scrape(&[[1; 20]]).unwrap();
    client.announce(&Announce::new([1; 20], 0)).unwrap_err();
    let connection_id = client.connection_id().unwrap();
    for garbage in [
        &b""[..],
        b"garbage",
        &[0; 16],
        &[0xff; 1_500],
        &packet::announce(1, 1, &announce, &[]),
        &packet::announce(connection_id, 1, &announce, &[])[..97],
    ] {
        client.silence(garbage);
    }
    let mut client = http_client(http);
    client.announce("/announce", &announce).unwrap();
    for garbage in ["/announce", "/nothing", "/announce?info_hash=%zz", "/scrape?"] {
        client.get(garbage).unwrap();
    }
    client.disconnect();
    client.send(b"\x16\x03\x01 what\r\n\r\n").unwrap();
    assert_eq!(client.read_response(false).unwrap().status, 400);
    client.disconnect();
    client.send(b"GET /annou").unwrap();
    client.disconnect();
    assert_eq!(tracker.log(), before);
    assert!(tracker.stop().success());
    assert_eq!(messages(&tracker.log()[before.len()..]), ["stopping", "stopped"]);
}
