//! Soaks a tracker that it starts, and tells what came of it: `soak [SECONDS [TRACKER]]`.
//!
//! Twenty minutes by default, of the tracker built beside this program.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use proto_tests::soak;
use proto_tests::tracker::Tracker;

fn main() {
    let mut arguments = env::args().skip(1);
    let seconds = arguments.next().map_or(1_200, |number| number.parse().expect("a number of seconds"));
    let beside = || env::current_exe().expect("a running program has a path").with_file_name("chihaya-under-test");
    let program = arguments.next().map_or_else(beside, PathBuf::from);
    let tracker = Tracker::start_program(&program, soak::CONFIG);
    let report = soak::run(&tracker, Duration::from_secs(seconds));
    // Else it would outlive a failure, which ends this program at once.
    drop(tracker);
    println!("{report}");
    report.assert_held();
}
