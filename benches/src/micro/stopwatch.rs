//! How long something takes: by the clock on the wall, and by the time this thread had the processor.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// A stretch of time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lap {
    /// As everyone sees it.
    pub wall: Duration,
    /// The part of it that this thread worked, in the kernel too.
    pub cpu: Duration,
}

impl AddAssign for Lap {
    fn add_assign(&mut self, other: Self) {
        self.wall += other.wall;
        self.cpu += other.cpu;
    }
}

/// Runs `work` and tells how long it took.
pub fn timed(work: impl FnOnce()) -> Lap {
    let (cpu, wall) = (thread_time(), Instant::now());
    work();
    let wall = wall.elapsed();
    Lap { wall, cpu: thread_time() - cpu }
}

/// How long this thread has worked since it started.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("a thread does not work for less than no time")
}
