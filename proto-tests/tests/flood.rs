//! Short floods of a small store. The program of the same name floods a larger one for as long as it is told.

use std::time::Duration;

use proto_tests::flood::{self, Plan};
use proto_tests::tracker::Tracker;

#[test]
fn one_source_that_invents_torrents_harms_nobody() {
    flood(1, false);
}

#[test]
fn many_sources_that_invent_torrents_harm_nobody() {
    flood(20_000, false);
}

#[test]
fn torrents_that_are_invented_and_announced_twice_harm_nobody() {
    flood(20_000, true);
}

fn flood(sources: u32, twice: bool) {
    let (interval, time) = (Duration::from_secs(2), Duration::from_secs(6));
    let plan = Plan { most: 20_000, sources, twice, interval, time };
    let mut tracker = Tracker::start(&plan.config());
    let report = flood::run(&tracker, plan);
    println!("{report}");
    report.assert_held();
    assert!(tracker.stop().success());
}
