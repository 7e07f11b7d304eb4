//! Floods a tracker that it starts with invented torrents, and tells what came of it.
//!
//! `flood one|many [--twice] [--seconds N] [--interval N] [--most N] [--tracker PROGRAM]`: from one source or from a
//! hundred thousand; each torrent announced twice; with ordinary clients who come meanwhile. It lasts two minutes by default, in
//! which ordinary clients announce every 20 seconds, and floods the tracker built beside this program, which keeps a million
//! torrents at most.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use proto_tests::flood::{self, Plan};
use proto_tests::tracker::Tracker;

fn main() {
    let mut plan = Plan {
        most: 1_000_000,
        sources: 1,
        twice: false,
        interval: Duration::from_secs(20),
        time: Duration::from_secs(120),
    };
    let mut program = env::current_exe().expect("a running program has a path").with_file_name("chihaya-under-test");
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} wants a value"));
        match word.as_str() {
            "one" => plan.sources = 1,
            "many" => plan.sources = 100_000,
            "--twice" => plan.twice = true,
            "--seconds" => plan.time = Duration::from_secs(value().parse().expect("a number of seconds")),
            "--interval" => plan.interval = Duration::from_secs(value().parse().expect("a number of seconds")),
            "--most" => plan.most = value().parse().expect("a number of torrents"),
            "--tracker" => program = PathBuf::from(value()),
            other => {
                panic!("{other} is none of one, many, --twice, --seconds, --interval, --most, --tracker")
            }
        }
    }
    let tracker = Tracker::start_program(&program, &plan.config());
    let report = flood::run(&tracker, plan);
    // Else it would outlive a failure, which ends this program at once.
    drop(tracker);
    println!("{report}");
    report.assert_held();
}
