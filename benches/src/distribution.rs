//! How many peers each torrent has.

use std::f64::consts::LN_2;
use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};

/// How peers choose among torrents.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Distribution {
    /// They are dealt out: so many torrents, all of one size, or two sizes that differ by one.
    Even(u32),
    /// Each chooses one of so many, all as likely.
    Uniform(u32),
    /// Each chooses one of so many, the nth of them n times less likely than the first: zipf with exponent 1.0.
    Zipf(u32),
}

impl Distribution {
    /// The sizes of all torrents that anyone chooses, `peers` in all.
    pub fn sizes(self, peers: u32, rng: &mut impl Rng) -> Vec<u32> {
        match self {
            Self::Even(torrents) => {
                let share = |torrent| peers / torrents + u32::from(torrent < peers % torrents);
                (0..torrents.min(peers)).map(share).collect()
            }
            Self::Uniform(torrents) => runs((0..peers).map(|_| rng.random_range(0..torrents)).collect()),
            Self::Zipf(torrents) => runs((0..peers).map(|_| zipf(torrents, rng)).collect()),
        }
    }
}

/// How often each value occurs, the least value first.
fn runs(mut values: Vec<u32>) -> Vec<u32> {
    values.sort_unstable();
    values.chunk_by(|one, other| one == other).map(|run| u32::try_from(run.len()).expect("a count of u32")).collect()
}

/// A rank from 1 to `ranks`, its probability in proportion to 1/rank.
///
/// A real number of density 1/x lies between a rank and the next with a weight of ln(1 + 1/rank); which is kept as
/// often as makes it 1/rank.
fn zipf(ranks: u32, rng: &mut impl Rng) -> u32 {
    let range = (f64::from(ranks) + 1.0).ln();
    loop {
        let rank = (rng.random::<f64>() * range).exp().floor().min(f64::from(ranks));
        if rng.random::<f64>() * rank * rank.recip().ln_1p() < LN_2 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a u32")]
            return rank as u32;
        }
    }
}

impl FromStr for Distribution {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "must be zipf:N, uniform:N or even:N, with N from 1 to 4294967295";
        let (kind, torrents) = text.split_once(':').ok_or(EXPECTED)?;
        let torrents = torrents.parse().ok().filter(|&torrents| torrents > 0).ok_or(EXPECTED)?;
        match kind {
            "even" => Ok(Self::Even(torrents)),
            "uniform" => Ok(Self::Uniform(torrents)),
            "zipf" => Ok(Self::Zipf(torrents)),
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even(torrents) => write!(formatter, "even:{torrents}"),
            Self::Uniform(torrents) => write!(formatter, "uniform:{torrents}"),
            Self::Zipf(torrents) => write!(formatter, "zipf:{torrents}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    fn sizes(text: &str, peers: u32) -> Vec<u32> {
        let distribution: Distribution = text.parse().unwrap();
        assert_eq!(distribution.to_string(), text);
        let sizes = distribution.sizes(peers, &mut SmallRng::seed_from_u64(1));
        assert_eq!(sizes.iter().sum::<u32>(), peers, "{text}: every peer has a torrent");
        assert!(sizes.iter().all(|&size| size > 0), "{text}: every torrent has a peer");
        sizes
    }

    #[test]
    fn an_even_deal_is_exact() {
        assert_eq!(sizes("even:3", 8), [3, 3, 2]);
        assert_eq!(sizes("even:1", 1_000), [1_000]);
        assert_eq!(sizes("even:9", 4), [1; 4]);
    }

    /// Of n torrents, (1 - 1/n)^peers stay without a peer.
    #[test]
    fn a_uniform_choice_leaves_some_torrents_out() {
        let sizes = sizes("uniform:1000", 2_000);
        assert!((840..=890).contains(&sizes.len()), "{} of about 865", sizes.len());
        assert!(sizes.iter().all(|&size| size < 15));
    }

    #[test]
    fn the_nth_rank_is_n_times_rarer_than_the_first() {
        let mut rng = SmallRng::seed_from_u64(1);
        let mut counts = [0_u32; 51];
        (0..1_000_000).for_each(|_| counts[zipf(50, &mut rng) as usize] += 1);
        assert_eq!(counts[0], 0);
        let harmonic: f64 = (1..=50).map(|rank| f64::from(rank).recip()).sum();
        for (rank, &count) in (0_u32..).zip(&counts).skip(1) {
            let expected = 1e6 / harmonic / f64::from(rank);
            let off = (f64::from(count) - expected).abs() / expected.sqrt();
            assert!(off < 5.0, "rank {rank}: {count} of about {expected:.0}");
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for text in ["zipf", "zipf:0", "even:-1", "normal:5", ""] {
            assert!(text.parse::<Distribution>().is_err(), "{text}");
        }
    }
}
