//! How many requests there were in each ten seconds of the last hour.

use std::collections::VecDeque;
use std::fmt::Write;
use std::time::Duration;

/// The last hour.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Requests of each interval, the latest last.
    counts: VecDeque<u64>,
    /// All there had been at the last of them.
    total: u64,
}

impl History {
    /// Ends an interval, after which there have been so many in all.
    pub(super) fn record(&mut self, total: u64) {
        if self.counts.len() == LENGTH {
            self.counts.pop_front();
        }
        self.counts.push_back(total - self.total);
        self.total = total;
    }

    /// Requests per second of each interval.
    pub(super) fn rates(&self) -> Vec<f64> {
        self.counts.iter().map(|count| *count as f64 / INTERVAL.as_secs_f64()).collect()
    }
}

/// A line over rates, within 360 by 100, closed at the bottom; the latest is at the right.
pub(super) fn graph(rates: &[f64]) -> String {
    let most = rates.iter().copied().fold(1.0, f64::max);
    let first = LENGTH + 1 - rates.len();
    let mut path = format!("M{first} 100");
    for (x, rate) in (first..).zip(rates) {
        write!(path, "L{x} {:.1}", 100.0 - 96.0 * rate / most).expect("a text takes whatever is written");
    }
    path + "V100Z"
}

/// Of each number of the history.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);

/// An hour's.
const LENGTH: usize = 360;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept() {
        let mut history = History::default();
        (1..=400).for_each(|second| history.record(second * 50));
        let rates = history.rates();
        assert_eq!((rates.len(), rates[0], rates[359]), (360, 5.0, 5.0));
        history.record(20_000 + 1_000);
        assert_eq!((history.rates().len(), history.rates()[359]), (360, 100.0));
    }

    #[test]
    fn the_highest_is_near_the_top_and_the_latest_at_the_right() {
        assert_eq!(graph(&[]), "M361 100V100Z");
        assert_eq!(graph(&[0.0, 20.0, 10.0]), "M358 100L358 100.0L359 4.0L360 52.0V100Z");
    }
}
