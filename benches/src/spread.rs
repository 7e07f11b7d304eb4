//! One figure over many rounds.

/// A figure of each round.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    values: Vec<f64>,
}

impl Spread {
    /// Adds a round's figure.
    pub fn push(&mut self, value: f64) {
        let place = self.values.partition_point(|&other| other < value);
        self.values.insert(place, value);
    }

    /// The sum of all over their number; not a number without any.
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.count()
    }

    /// The one in the middle; of an even number, the mean of the two; not a number without any.
    pub fn median(&self) -> f64 {
        let middle = self.values.len() / 2;
        match self.values.get(middle) {
            None => f64::NAN,
            Some(&upper) if self.values.len() % 2 == 1 => upper,
            Some(&upper) => f64::midpoint(self.values[middle - 1], upper),
        }
    }

    /// The least.
    pub fn min(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    /// The greatest.
    pub fn max(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// The median with the least and the greatest, as `3.41 (3.35–3.52)`.
    pub fn cell(&self, decimals: usize) -> String {
        format!("{:.decimals$} ({:.decimals$}–{:.decimals$})", self.median(), self.min(), self.max())
    }

    #[expect(clippy::cast_precision_loss, reason = "rounds are few")]
    fn count(&self) -> f64 {
        self.values.len() as f64
    }
}

impl FromIterator<f64> for Spread {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut spread = Self::default();
        values.into_iter().for_each(|value| spread.push(value));
        spread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_mean_is_not() {
        let odd = Spread::from_iter([9.0, 1.0, 2.0]);
        assert_eq!((odd.mean(), odd.median(), odd.min(), odd.max()), (4.0, 2.0, 1.0, 9.0));
        let even = Spread::from_iter([4.0, 1.0, 2.0, 9.0]);
        assert_eq!((even.mean(), even.median()), (4.0, 3.0));
        assert_eq!(Spread::from_iter([2.0, 1.0]).median(), 1.5);
        assert_eq!(even.cell(1), "3.0 (1.0–9.0)");
        assert!(Spread::default().median().is_nan());
    }
}
