//! Simulates the tracker under many clients and faults: `simulation [--seeds NUMBER | --seed SEED]`.
//!
//! Ten thousand seeds by default; one that fails is named. One alone is replayed, and all that happens is told.

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use proto_tests::simulation::Simulation;
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let simulation = Simulation { runtime, defect: None, told: false };
    let start = Instant::now();
    let outcome = match arguments[..] {
        [] => simulation.search(0..10_000),
        ["--seeds", number] => simulation.search(0..number.parse().expect("a number of seeds")),
        ["--seed", seed] => Simulation { told: true, ..simulation }.run(seed.parse().expect("a seed is a number")),
        _ => {
            eprintln!("usage: simulation [--seeds NUMBER | --seed SEED]");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(report) => {
            println!("{report:?} in {:.1} s", start.elapsed().as_secs_f64());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime without I/O can be had")
}
