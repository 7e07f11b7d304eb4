//! The store in memory under a scheduler that runs its threads in one order after another.
//!
//! What each of them is told must be what a plain model tells somebody, had all requests come one by one in *some* order that
//! keeps each thread's own; and what is there in the end must be what that order leaves. Where a swarm or a table is too large to
//! try all orders, each thread has peers of its own, so that nobody else's order matters to what becomes of them.

mod crowds;
mod order;
mod own;
mod small;
mod tables;
mod world;

use std::env;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner, replay};

/// Runs a scenario in so many orders chosen at random, and in as many in which threads seldom take turns, a few times at a
/// moment chosen at random, which finds what needs a long run of one thread in the midst of another's.
///
/// A failure prints its schedule; `INTERLEAVING=SCHEDULE`, with the test's name, runs that one again. `INTERLEAVINGS=FACTOR` runs
/// so many times as many.
fn explore(runs: usize, scenario: impl Fn() + Copy + Send + Sync + 'static) {
    if let Ok(schedule) = env::var("INTERLEAVING") {
        return replay(scenario, &schedule);
    }
    let runs = runs * env::var("INTERLEAVINGS").map_or(1, |factor| factor.parse().expect("a whole number"));
    run(RandomScheduler::new_from_seed(SEED, runs), scenario);
    run(PctScheduler::new_from_seed(SEED, CHANGES, runs), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    // That counters are seen by all in one order is an assumption: each of the store's is alone, and told under a lock.
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(scenario);
}

const SEED: u64 = 6881;

/// Changes of the order in which threads go first.
const CHANGES: usize = 3;

/// A batch's hints alone take some kilobytes, of a build without optimisation.
const STACK_BYTES: usize = 256 << 10;
