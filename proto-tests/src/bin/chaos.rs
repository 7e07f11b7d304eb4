//! Kills, restarts and stops the Redis of a tracker under load, and tells what its clients saw: `chaos [TRACKER]`.
//!
//! The tracker built beside this program, unless another is named.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use proto_tests::chaos::{Plan, run};

fn main() -> ExitCode {
    let beside = || env::current_exe().expect("a running program has a path").with_file_name("chihaya-under-test");
    let program = env::args().nth(1).map_or_else(beside, PathBuf::from);
    if !program.is_file() {
        eprintln!("usage: chaos [TRACKER]\nno such program: {}", program.display());
        return ExitCode::from(2);
    }
    let plan = Plan {
        rate: 5_000,
        peers: 20_000,
        warm_up: Duration::from_secs(10),
        outage: Duration::from_secs(10),
        recovery: Duration::from_secs(10),
    };
    let report = run(&program, plan);
    println!("{report}");
    report.assert();
    ExitCode::SUCCESS
}
