//! The tracker without its sockets, clients and a bad network, in one thread, from one seed.
//!
//! What is real: the UDP handler, the connection ids, the tracker's policies, the store in memory and the fallback. What is
//! simulated: a clock that jumps and wraps, timers, workers that are busy, a remote store that is late, fails or hangs, a
//! network that loses, doubles, reorders and forges datagrams, and clients that behave as real ones do. One seed
//! decides all of it, so a seed that fails does so again, and `simulation --seed` tells what happened on the way.
//!
//! Every reply is held to what clients have sent (`truth`):
//!
//! - who announces in time is a member, is counted, and is returned where there is room for all;
//! - nobody is returned who has stopped or expired, nor the requester, nor anybody twice;
//! - numbers are those of the members, completed downloads too; in memory, what is counted is what is there;
//! - an id is good for its /64 or IPv4 address until three newer secrets are there; without one there is silence;
//! - whatever the remote store does, the fallback answers within its time-out, with what one of both stores knows, and asks
//!   that store again soon after it is back.
//!
//! That this would find what it looks for is shown by [`Defect`]s that are planted.

mod client;
mod defect;
mod habits;
mod mail;
mod plan;
mod remote;
mod service;
mod truth;
mod world;

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

pub use defect::Defect;
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use world::World;

/// How much has been simulated.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Steps of the scheduler.
    pub events: u64,
    /// Datagrams that the tracker has got.
    pub datagrams: u64,
    /// Those that it has answered, each of which was checked.
    pub replies: u64,
    /// Of all replies and when they were sent: two runs that have the same are the same.
    pub digest: u64,
}

/// A promise that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// When, since the beginning.
    pub at_milliseconds: u64,
    /// Which.
    pub problem: String,
}

/// A seed that fails.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// It does so again.
    pub seed: u64,
    /// How.
    pub violation: Violation,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, violation: Violation { at_milliseconds, problem } } = self;
        writeln!(f, "seed {seed}, after {at_milliseconds} ms: {problem}")?;
        f.write_str(&replay(*seed))
    }
}

/// How seeds are simulated.
#[derive(Clone, Copy, Debug)]
pub struct Simulation {
    /// Makes a runtime of one thread whose time is paused, which only tests and examples may: it would cost the tracker time.
    pub runtime: fn() -> Runtime,
    /// What is wrong with the tracker.
    pub defect: Option<Defect>,
    /// All that happens is told.
    pub told: bool,
}

impl Simulation {
    /// Simulates what a seed stands for.
    ///
    /// # Errors
    ///
    /// The first promise that was broken.
    ///
    /// # Panics
    ///
    /// If the tracker does.
    pub fn run(&self, seed: u64) -> Result<Report, Failure> {
        (self.runtime)().block_on(async {
            // A panic is told with its seed.
            let mut running = Running(Some(seed));
            let outcome = World::new(seed, self.defect, self.told).run().await;
            running.0 = None;
            outcome.map_err(|violation| Failure { seed, violation })
        })
    }

    /// Simulates many seeds, on all processors.
    ///
    /// # Errors
    ///
    /// The lowest seed that fails of those that were run until one did.
    ///
    /// # Panics
    ///
    /// If the tracker does.
    pub fn search(&self, seeds: Range<u64>) -> Result<Report, Failure> {
        let next = AtomicU64::new(seeds.start);
        let found = Mutex::new((Report::default(), None::<Failure>));
        let work = || {
            while let seed = next.fetch_add(1, Ordering::Relaxed)
                && seed < seeds.end
            {
                let outcome = self.run(seed);
                let (total, failure) = &mut *found.lock();
                match outcome {
                    Ok(report) => total.add(report),
                    Err(new) if failure.as_ref().is_none_or(|known| known.seed > seed) => *failure = Some(new),
                    Err(_) => {}
                }
                if failure.is_some() {
                    next.store(seeds.end, Ordering::Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            let processors = thread::available_parallelism().map_or(1, usize::from);
            (0..processors).for_each(|_| drop(scope.spawn(work)));
        });
        let (report, failure) = found.into_inner();
        failure.map_or(Ok(report), Err)
    }
}

/// Names its seed where it does not come to its end.
struct Running(Option<u64>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(seed) = self.0 {
            eprintln!("seed {seed} panics; {}", replay(seed));
        }
    }
}

fn replay(seed: u64) -> String {
    format!("replay it: cargo run --release -p proto-tests --example simulation -- --seed {seed}")
}

impl Report {
    fn add(&mut self, other: Self) {
        self.events += other.events;
        self.datagrams += other.datagrams;
        self.replies += other.replies;
        self.digest ^= other.digest;
    }
}
