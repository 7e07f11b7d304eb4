//! How long things took, in buckets: what lies between two scrapes is then told from two readings, of any number of workers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Action, Outcome, Transport, add};

/// One worker's durations.
#[derive(Debug, Default)]
pub struct Durations {
    requests: [[Histogram; Action::ALL.len()]; Transport::BOTH.len()],
    storage: [Histogram; Outcome::BOTH.len()],
}

impl Durations {
    /// Of requests.
    pub fn requests(&self, transport: Transport, action: Action) -> &Histogram {
        &self.requests[transport as usize][action as usize]
    }

    /// Of batches in the store.
    pub fn storage(&self, outcome: Outcome) -> &Histogram {
        &self.storage[outcome as usize]
    }
}

/// Durations in buckets, written by one thread.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Up to each bound, and above the last.
    buckets: [AtomicU64; Self::BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What histograms of several workers hold together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Up to each bound, and above the last; each bucket by itself.
    pub buckets: [u64; Histogram::BOUNDS.len() + 1],
    /// All durations together.
    pub seconds: f64,
}

impl Histogram {
    /// Where the buckets end, in microseconds: from a batch of one in memory to a store that is not to be reached.
    pub const BOUNDS: [u64; 20] = [
        5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
        1_000_000, 2_500_000, 5_000_000, 10_000_000,
    ];

    /// Counts what took so long, so many times.
    pub fn observe(&self, taken: Duration, times: u64) {
        if times == 0 {
            return;
        }
        let microseconds = taken.as_nanos().div_ceil(1_000);
        let bucket = Self::BOUNDS.partition_point(|&bound| u128::from(bound) < microseconds);
        add(&self.buckets[bucket], times);
        let nanoseconds = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        add(&self.nanoseconds, nanoseconds.saturating_mul(times));
    }

    /// Adds what it holds.
    pub fn add_to(&self, spread: &mut Spread) {
        for (sum, bucket) in spread.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
        spread.seconds += Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed)).as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_up_to_its_bound() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_micros(5), 1);
        histogram.observe(Duration::from_nanos(5_001), 2);
        histogram.observe(Duration::from_secs(11), 1);
        histogram.observe(Duration::from_secs(99), 0);
        let mut spread = Spread::default();
        histogram.add_to(&mut spread);
        histogram.add_to(&mut spread);
        let mut buckets = [0; 21];
        (buckets[0], buckets[1], buckets[20]) = (2, 4, 2);
        assert_eq!(spread.buckets, buckets);
        assert!((spread.seconds - 22.000_030_004).abs() < 1e-9, "{spread:?}");
    }
}
