//! Delays as percentiles.

use std::time::Duration;

/// The delays of many requests, in order.
pub struct Percentiles {
    nanoseconds: Vec<u32>,
}

impl Percentiles {
    /// Sorts delays in nanoseconds.
    pub fn new(mut nanoseconds: Vec<u32>) -> Self {
        nanoseconds.sort_unstable();
        Self { nanoseconds }
    }

    /// The least delay that so many of a thousand did not exceed; zero without any.
    pub fn per_mille(&self, share: usize) -> Duration {
        let rank = (self.nanoseconds.len() * share).div_ceil(1_000).max(1);
        Duration::from_nanos(self.nanoseconds.get(rank - 1).copied().unwrap_or_default().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_least_delay_that_its_share_does_not_exceed() {
        let percentiles = Percentiles::new((1..=2_000).rev().collect());
        let nanoseconds = [0, 500, 900, 990, 999, 1_000].map(|share| percentiles.per_mille(share).as_nanos());
        assert_eq!(nanoseconds, [1, 1_000, 1_800, 1_980, 1_998, 2_000]);
        let few = Percentiles::new(vec![7, 5, 6]);
        assert_eq!([500, 900, 1_000].map(|share| few.per_mille(share).as_nanos()), [6, 7, 7]);
        assert_eq!(Percentiles::new(Vec::new()).per_mille(500), Duration::ZERO);
    }
}
