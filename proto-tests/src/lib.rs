//! What the tests of the whole tracker share: the tracker as a process, network namespaces, a model of its store, stores
//! that misbehave, and garbage for it to ignore.

pub mod checked;
pub mod due;
pub mod failing;
pub mod garbage;
pub mod late;
pub mod model;
pub mod namespace;
pub mod process;
pub mod source;
pub mod tracker;

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// Repeats `probe` until it succeeds; past `patience` fails the test with the last reason it gave.
///
/// The only place that sleeps: every test waits for a condition, never for time to pass.
#[track_caller]
pub fn wait_for<T, E: Display>(what: &str, patience: Duration, mut probe: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match probe() {
            Ok(found) => return found,
            Err(reason) => assert!(Instant::now() < deadline, "waited {patience:?} for {what}: {reason}"),
        }
        thread::sleep(PAUSE);
    }
}

/// Between two probes: short beside any deadline, long enough to leave the processors to what is waited for.
const PAUSE: Duration = Duration::from_millis(50);
