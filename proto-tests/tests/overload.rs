//! A short overload. The program of the same name goes on for as many rounds as it is told.

use proto_tests::overload;
use proto_tests::tracker::Tracker;

#[test]
fn with_twice_the_load_useful_answers_stay_at_nine_tenths_and_http_answers() {
    let mut tracker = Tracker::start(overload::CONFIG);
    let report = overload::run(&tracker, 3, 20);
    println!("{report}");
    report.assert_fair();
    assert!(tracker.stop().success());
}
