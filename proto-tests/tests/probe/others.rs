//! Trackers, this one among them: a correct table each.

use std::fs;
use std::path::{Path, PathBuf};

use proto_tests::process::Process;
use proto_tests::tracker::Tracker;
use proto_tests::wait_for;

use super::*;

const CONFIG: &str = "\
udp.listen = [\"127.0.0.1:0\", \"[::1]:0\"]
udp.receive_buffer = \"64KiB\"
http.listen = [\"127.0.0.1:0\", \"[::1]:0\"]
";

/// Announces a peer that stays and one that leaves again, and scrapes: the tables must tell of both, and of one.
#[track_caller]
fn tells_of_its_peers(url: &str) {
    let address: SocketAddr = url.split('/').nth(2).unwrap().parse().unwrap();
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let stays = chihaya(&["announce", url, "--hash", HASH, "--port", "1001", "--left", "0", "--stay"]);
    assert_eq!((stays.status, stays.values("left again")), (Some(0), vec![]), "{stays:?}");
    let leaves = chihaya(&["announce", url, "--hash", HASH, "--port", "1002"]);
    assert_eq!(leaves.status, Some(0), "{leaves:?}");
    assert_eq!(leaves.values("info hash"), [HASH]);
    assert_eq!(leaves.values(family), [address.to_string()], "{leaves:?}");
    assert_eq!((leaves.values("seeders"), leaves.values("leechers")), (vec!["1"], vec!["1"]), "{leaves:?}");
    assert_eq!(leaves.values("left again"), ["yes"], "{leaves:?}");
    assert!(leaves.values("interval")[0].ends_with(" s"), "{leaves:?}");
    let other = SocketAddr::new(address.ip(), 1001);
    assert!(leaves.stdout.contains(&format!("              {other}\n")), "no {other} in {leaves:?}");
    let scraped = chihaya(&["scrape", url, HASH]);
    assert_eq!(scraped.status, Some(0), "{scraped:?}");
    assert_eq!((scraped.values("seeders"), scraped.values("leechers")), (vec!["1"], vec!["0"]), "{scraped:?}");
    let gone = chihaya(&["announce", url, "--hash", HASH, "--port", "1001", "--event", "stopped"]);
    assert_eq!(gone.status, Some(0), "{gone:?}");
    let scraped = chihaya(&["scrape", url, HASH]);
    assert!(["0", "-"].contains(&scraped.values("seeders")[0]), "{scraped:?}");
}

#[test]
fn this_tracker_over_udp_and_http_and_both_families() {
    let tracker = Tracker::start(CONFIG);
    assert_eq!(tracker.urls().len(), 4);
    tracker.urls().iter().for_each(|url| tells_of_its_peers(url));
}

#[test]
fn json_tells_the_same() {
    let tracker = Tracker::start(CONFIG);
    for url in [tracker.udp_url(), tracker.http_url()] {
        let told = chihaya(&["announce", url, "--hash", HASH, "--json"]);
        let json: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!((&json["success"], &json["url"]), (&true.into(), &url.into()));
        let [probe] = &json["probes"].as_array().unwrap()[..] else { panic!("{json}") };
        assert_eq!((&probe["family"], &probe["answer"]["leechers"]), (&"IPv4".into(), &1.into()), "{json}");
        assert!(
            probe["answer"]["interval_seconds"].as_u64() > Some(1_000) && probe["answer"]["left"] == true,
            "{json}"
        );
        let told = chihaya(&["scrape", url, HASH, &"32".repeat(20), "--json"]);
        let json: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
        assert_eq!(json["probes"][0]["answer"]["torrents"].as_array().unwrap().len(), 2, "{json}");
    }
}

/// What the tracker refuses is an answer, and no success.
#[test]
fn a_refusal_is_told_with_its_reason() {
    let tracker = Tracker::start(CONFIG);
    let refused = chihaya(&["announce", tracker.udp_url(), "--port", "0"]);
    refused.assert_failed("the tracker refuses: \"invalid port\"");
    let refused = chihaya(&["announce", tracker.http_url(), "--port", "0"]);
    refused.assert_failed("the tracker refuses: \"invalid port\"; it would again");
}

/// Debian's is built for IPv4, and for torrents it is told of: http://erdgeist.org/arts/software/opentracker
#[test]
fn opentracker_over_udp_and_http() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("torrents"), format!("{HASH}\n")).unwrap();
    open_to_all(directory.path());
    let port = free_port(LOCALHOST).to_string();
    let arguments = ["-i", "127.0.0.1", "-p", &port, "-P", &port, "-w", "torrents", "-d"];
    let _process = Process::start(Command::new("opentracker").args(arguments).arg(directory.path()));
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let scrape = || chihaya(&["scrape", &url("http", address), HASH]);
    wait_for("opentracker", PATIENCE, || if scrape().status == Some(0) { Ok(()) } else { Err("no answer") });
    ["udp", "http"].iter().for_each(|transport| tells_of_its_peers(&url(transport, address)));
    let refused = chihaya(&["announce", &url("http", address)]);
    refused.assert_failed("the tracker refuses: \"Requested download is not authorized");
}

/// It gives up root's rights before it reads its files.
fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn bittorrent_tracker_over_udp_and_http_and_both_families() {
    let port = free_port(LOCALHOST);
    let mut command = Command::new("node");
    command.arg(npm("bittorrent-tracker/bin/cmd.js")).args(["--http", "--udp", "--port", &port.to_string()]);
    let process = Process::start(&mut command);
    wait_for("bittorrent-tracker", PATIENCE, || {
        let log = process.log();
        if log.contains("HTTP tracker:") && log.contains("UDP6 tracker:") { Ok(()) } else { Err(log) }
    });
    let address = |host| SocketAddr::new(host, port);
    for url in [url("udp", address(LOCALHOST)), url("http", address(LOCALHOST)), url("http", address(LOCALHOST_V6))] {
        tells_of_its_peers(&url);
    }
    // Over UDP and IPv6 it tells peers in IPv4's form, which is theirs to mend and ours to tell.
    let url = url("udp", address(LOCALHOST_V6));
    let stays = chihaya(&["announce", &url, "--hash", HASH, "--port", "1001", "--stay"]);
    assert_eq!((stays.status, stays.values("leechers")), (Some(0), vec!["1"]), "{stays:?}");
}

/// A file of a package that `proto-tests/run` has installed.
fn npm(path: &str) -> PathBuf {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm/node_modules");
    let file = modules.join(path);
    assert!(file.exists(), "{} is missing: proto-tests/run installs it", file.display());
    file
}
