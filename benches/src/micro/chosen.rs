//! Info hashes as one would choose them who knows the code, and knows no key.

use chihaya::bittorrent::InfoHash;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use siphasher::sip::SipHasher13;

/// A way to choose info hashes, no two of them the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Chosen {
    /// Not at all: as the hashes of real torrents are.
    Random,
    /// One after another in the last bytes; all others are the same.
    Last,
    /// One after another in the first bytes.
    First,
    /// A few bits set, so that most differ in few.
    FewBits,
    /// Those that one's own tracker, of another key, puts into one shard of sixteen.
    Colliding,
}

impl Chosen {
    /// All that are chosen.
    pub const ALL: [Self; 4] = [Self::Last, Self::First, Self::FewBits, Self::Colliding];

    /// Millions of them, always the same.
    pub fn info_hashes(self) -> Box<dyn Iterator<Item = InfoHash>> {
        match self {
            Self::Random => {
                let mut rng = SmallRng::seed_from_u64(6);
                Box::new(std::iter::repeat_with(move || InfoHash(rng.random())))
            }
            Self::Last => Box::new((0..).map(|number| with(16, number))),
            Self::First => Box::new((0..).map(|number| with(0, number))),
            Self::FewBits => Box::new(few_bits()),
            Self::Colliding => Box::new((0..).map(|number| with(16, number)).filter(collides)),
        }
    }
}

/// A number in four bytes, and zeros.
fn with(place: usize, number: u32) -> InfoHash {
    let mut bytes = [0; 20];
    bytes[place..place + 4].copy_from_slice(&number.to_be_bytes());
    InfoHash(bytes)
}

/// Four bits of 80, in every second place: 1,581,580 of them.
fn few_bits() -> impl Iterator<Item = InfoHash> {
    (0..80_u32).flat_map(|a| (0..a).flat_map(move |b| (0..b).flat_map(move |c| (0..c).map(move |d| [a, b, c, d])))).map(
        |bits| {
            let mut bytes = [0; 20];
            bits.iter().for_each(|bit| bytes[(bit / 4) as usize] |= 1 << (bit % 4 * 2));
            InfoHash(bytes)
        },
    )
}

fn collides(info_hash: &InfoHash) -> bool {
    SipHasher13::new_with_key(&[0; 16]).hash(&info_hash.0) >> 60 == 0
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_are_the_same() {
        for chosen in [&[Chosen::Random], &Chosen::ALL[..]].concat() {
            let distinct: HashSet<_> = chosen.info_hashes().take(20_000).map(|info_hash| info_hash.0).collect();
            assert_eq!(distinct.len(), 20_000, "{chosen:?}");
        }
        let bits = |info_hash: InfoHash| info_hash.0.iter().map(|byte| byte.count_ones()).sum::<u32>();
        assert!(few_bits().all(|info_hash| bits(info_hash) == 4));
        assert_eq!(few_bits().count(), 1_581_580);
    }
}
