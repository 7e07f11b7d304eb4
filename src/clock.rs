//! Time as the tracker sees it: whole seconds, read once per batch and passed along as a value.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment: Unix seconds when the tracker started, plus the monotonic seconds since.
///
/// It never runs backwards while the process lives, whatever happens to the wall clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Now(pub u32);

impl Now {
    /// Seconds from `earlier` to here, across a wrap of the 32-bit count; 0 if that is no earlier.
    ///
    /// What one thread has stored may lie a moment ahead of what another has just read.
    pub const fn seconds_since(self, earlier: Self) -> u32 {
        let seconds = self.0.wrapping_sub(earlier.0);
        if seconds > u32::MAX / 2 { 0 } else { seconds }
    }
}

/// Where workers and timers read [`Now`].
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    unix_seconds_at_start: u64,
    start: Instant,
}

impl Clock {
    /// Starts from the wall clock's present second.
    pub fn start() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self { unix_seconds_at_start: since_epoch.as_secs(), start: Instant::now() }
    }

    /// The present moment.
    pub fn now(&self) -> Now {
        let seconds = self.unix_seconds_at_start.wrapping_add(self.start.elapsed().as_secs());
        #[expect(clippy::cast_possible_truncation, reason = "moments are compared across the wrap")]
        Now(seconds as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_pass_over_the_wrap_and_never_backwards() {
        assert_eq!(Now(10).seconds_since(Now(3)), 7);
        assert_eq!(Now(3).seconds_since(Now(u32::MAX - 1)), 5);
        assert_eq!(Now(3).seconds_since(Now(10)), 0);
        assert_eq!(Now(u32::MAX).seconds_since(Now(1)), 0);
    }
}
