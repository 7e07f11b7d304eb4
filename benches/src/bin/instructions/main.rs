//! Instructions of the functions that every request passes through: a number that no neighbour on the machine changes.
//!
//! `instructions` runs itself under callgrind and prints the table that is committed as `instructions.txt`; a test compares the
//! two. Everything it does follows from fixed seeds and keys.

mod hot;
mod stage;

use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use chihaya_benches::{arguments, callgrind};
use clap::{Parser, ValueEnum};

use hot::HOT;
use stage::Stage;

/// Count the instructions of the functions that every request passes through, under callgrind.
#[derive(Parser)]
#[command(name = "instructions")]
struct Options {
    /// What callgrind is to do with this program
    #[arg(hide = true)]
    task: Option<Task>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Task {
    /// Call every function, and tell nothing.
    Run,
}

fn main() -> ExitCode {
    arguments::run(|options: Options| match options.task {
        None => tell(),
        Some(Task::Run) => {
            call();
            Ok(())
        }
    })
}

fn tell() -> Result<()> {
    let costs = callgrind::costs(&["run"])?;
    println!("# Instructions each, in a release build for x86-64. The command that prints this table:");
    println!("#   cargo run --release -p chihaya-benches --bin instructions > benches/instructions.txt");
    for hot in HOT {
        let cost = costs.iter().find(|cost| cost.function.ends_with(&format!("hot::{}", hot.name)));
        let cost = cost.with_context(|| format!("callgrind has seen no {}", hot.name))?;
        ensure!(cost.calls == CALLS, "{}: callgrind has seen {} calls, not {CALLS}", hot.name, cost.calls);
        println!("{:<28} {:>6}", hot.name, cost.instructions.div_ceil(CALLS * hot.times));
    }
    Ok(())
}

fn call() {
    let mut stage = Stage::new();
    for hot in HOT {
        for _ in 0..CALLS {
            (hot.prepare)(&mut stage);
            (hot.work)(&mut stage);
        }
    }
}

/// Enough that a first call's own work does not count.
const CALLS: u64 = 200;
