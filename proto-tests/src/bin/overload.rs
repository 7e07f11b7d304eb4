//! Has a tracker that it starts bear twice the load it can serve, and tells what came of it: `overload [ROUNDS [TRACKER [PERCENT]]]`.
//!
//! Nine rounds by default, of the tracker built beside this program, with a fifth of a processor. What sends needs far more than
//! the tracker: beside a release build, a release build.

use std::env;
use std::path::PathBuf;

use proto_tests::overload;
use proto_tests::tracker::Tracker;

fn main() {
    let mut arguments = env::args().skip(1);
    let rounds = arguments.next().map_or(9, |number| number.parse().expect("a number of rounds"));
    let beside = || env::current_exe().expect("a running program has a path").with_file_name("chihaya-under-test");
    let program = arguments.next().map_or_else(beside, PathBuf::from);
    let percent = arguments.next().map_or(20, |number| number.parse().expect("hundredths of a processor"));
    let tracker = Tracker::start_program(&program, overload::CONFIG);
    let report = overload::run(&tracker, rounds, percent);
    println!("{report}");
    report.assert_fair();
}
