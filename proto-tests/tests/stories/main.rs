//! What a swarm is, whichever way its peers speak: every story over UDP and HTTP, over IPv4 and IPv6, with a store that
//! answers at once and with one that answers late.

mod across;
mod expiry;
mod swarm;
mod told;

use std::sync::Arc;

use proto_tests::shared::Shared;
use proto_tests::story::{EVERY_WAY, Peer, Step, tell};
use proto_tests::tracker::Tracker;

/// Tells a story in every way to every store; it must end the same each time.
#[track_caller]
fn in_every_way(steps: &[Step]) {
    let trackers = trackers();
    let endings = trackers.iter().flat_map(|tracker| EVERY_WAY.map(|way| tell(tracker, way, steps)));
    let endings: Vec<_> = endings.collect();
    assert!(endings.iter().all(|ending| *ending == endings[0]), "{endings:#?}");
}

/// A tracker for each kind of store, shared by the tests that run at the same time: each story brings its own torrents.
fn trackers() -> Arc<[Tracker; 2]> {
    static SHARED: Shared<[Tracker; 2]> = Shared::new();
    SHARED.get(|| [Tracker::start(CONFIGURATION), Tracker::start_with_test_drivers(&format!("{CONFIGURATION}{LATE}"))])
}

/// Several workers, so that a story's requests meet more than one.
const CONFIGURATION: &str = r#"
[server]
workers = 2
[udp]
listen = ["127.0.0.1:0", "[::1]:0"]
[http]
listen = ["127.0.0.1:0", "[::1]:0"]
"#;

/// Late enough that the answers of several requests under way overtake each other.
const LATE: &str = r#"
[storage]
driver = "late"
[storage.late]
longest_delay = "5ms"
"#;

const A: Peer = Peer::new(1001);
const B: Peer = Peer::new(1002);
const C: Peer = Peer::new(1003);
const D: Peer = Peer::new(1004);
