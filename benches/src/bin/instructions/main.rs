//! Instructions of the functions that every request passes through: a number that no neighbour on the machine changes.
//!
//! `instructions` runs itself under callgrind and prints the table that is committed as `instructions.txt`; a test compares the
//! two. Everything it does follows from fixed seeds and keys.

mod callgrind;
mod hot;
mod stage;

use std::env;

use hot::HOT;
use stage::Stage;

fn main() {
    if env::args().nth(1).as_deref() == Some("run") {
        let mut stage = Stage::new();
        for hot in HOT {
            for _ in 0..CALLS {
                (hot.prepare)(&mut stage);
                (hot.work)(&mut stage);
            }
        }
        return;
    }
    let costs = callgrind::costs();
    println!("# Instructions each, in a release build for x86-64. The command that prints this table:");
    println!("#   cargo run --release -p chihaya-benches --bin instructions > benches/instructions.txt");
    for hot in HOT {
        let cost = costs.iter().find(|cost| cost.function.ends_with(&format!("hot::{}", hot.name)));
        let cost = cost.unwrap_or_else(|| panic!("callgrind has seen no {}: {costs:#?}", hot.name));
        assert_eq!(cost.calls, CALLS, "{}", hot.name);
        println!("{:<28} {:>6}", hot.name, cost.instructions.div_ceil(CALLS * hot.times));
    }
}

/// Enough that a first call's own work does not count.
const CALLS: u64 = 200;
