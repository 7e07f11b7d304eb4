//! A short soak, too short for memory to reach its plateau. The program of the same name soaks for as long as it is told, and
//! looks at that too.

use std::time::Duration;

use proto_tests::soak;
use proto_tests::tracker::Tracker;

#[test]
fn a_busy_tracker_gives_no_wrong_answer() {
    let mut tracker = Tracker::start(soak::CONFIG);
    let report = soak::run(&tracker, Duration::from_secs(20));
    println!("{report}");
    report.assert_held();
    assert!(report.stories.0 > 20, "{report}");
    assert!(tracker.stop().success());
}
