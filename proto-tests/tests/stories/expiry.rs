//! Who does not come back is forgotten.

use std::time::{Duration, Instant};

use proto_tests::story::EVERY_WAY;
use proto_tests::tracker::Tracker;
use proto_tests::wait_for;
use tracker_client::{Announce, Event};

use crate::{A, CONFIGURATION};

/// Two seeders of each way: one goes silent, the other comes back again and again; then that one goes silent, too.
#[test]
fn a_silent_peer_is_forgotten_and_others_are_not() {
    let tracker = Tracker::start(&format!("{CONFIGURATION}{SHORT_LIVES}"));
    let info_hash: [u8; 20] = rand::random();
    let completes = |port| Announce::new(info_hash, port).left(0).event(Event::Completed);
    let mut tellers = EVERY_WAY.map(|way| way.teller(&tracker, A.host(way.family)));
    let start = Instant::now();
    for (port, teller) in (1001..).step_by(2).zip(&mut tellers) {
        teller.announce(&completes(port)).unwrap();
        teller.announce(&completes(port + 1)).unwrap();
    }
    wait_for("the silent to be forgotten", PATIENCE, || {
        let mut seeders = Vec::new();
        for (port, teller) in (1001..).step_by(2).zip(&mut tellers) {
            seeders.push(teller.announce(&completes(port)).unwrap().seeders);
        }
        let age = start.elapsed();
        assert!(age > LIFETIME || seeders == [4; 4], "{seeders:?} after {age:?}");
        if seeders == [2; 4] { Ok(()) } else { Err(format!("there are {seeders:?} seeders")) }
    });
    for teller in &mut tellers {
        let scraped = teller.scrape(info_hash).unwrap();
        // One that is forgotten and comes back would complete once more.
        assert_eq!((scraped.seeders, scraped.completed, scraped.leechers), (2, 8, 0));
    }
    wait_for("everything to be forgotten", PATIENCE, || {
        let scraped = tellers.iter_mut().map(|teller| teller.scrape(info_hash).unwrap());
        let left: Vec<_> = scraped.filter(|scraped| scraped.seeders + scraped.completed > 0).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

/// A pass over one shard is one sweep, and there is a sweep a second.
const SHORT_LIVES: &str = r#"
[tracker]
announce_interval = "1s"
min_announce_interval = "1s"
interval_jitter = 0.0
peer_lifetime = "3s"
[storage.memory]
shards = 1
"#;

/// No peer is forgotten sooner than this after its last announce.
const LIFETIME: Duration = Duration::from_secs(3);

/// A lifetime, two seconds by which its end may be late, the next sweep; twice, and on a busy machine.
const PATIENCE: Duration = Duration::from_secs(25);
