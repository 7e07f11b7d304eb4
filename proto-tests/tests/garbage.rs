//! A tracker under garbage. The program of the same name sends millions.

use proto_tests::garbage::{self, Kind};
use proto_tests::tracker::Tracker;

#[test]
fn garbage_gets_silence_and_costs_no_memory() {
    let mut tracker = Tracker::start(garbage::CONFIG);
    let report = garbage::run(&tracker, 200_000, 1);
    println!("{report}");
    for (kind, row) in &report.rows {
        // What may be answered at all; which of them are, has been checked one by one.
        let answered = matches!(kind, Kind::Connect | Kind::BrokenConnect | Kind::Scrape);
        assert_eq!(row.replies > 0, answered, "{kind:?}");
        assert!(row.sent > 10_000, "{kind:?}");
    }
    assert!(tracker.stop().success());
}
