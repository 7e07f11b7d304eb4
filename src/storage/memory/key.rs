//! Keyed hashes: where things are kept is no client's choice.

use siphasher::sip::SipHasher13;

use super::ports::Ports;
use crate::bittorrent::InfoHash;

/// What hashes are keyed with; nobody outside knows it.
///
/// A hasher is larger, and made in no time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    secret: [u8; 16],
    ports: Ports,
}

impl Key {
    pub(super) fn new(secret: &[u8; 16], ports: Ports) -> Self {
        Self { secret: *secret, ports }
    }

    pub(super) fn hash(&self, bytes: &[u8]) -> Hash {
        Hash(SipHasher13::new_with_key(&self.secret).hash(bytes))
    }

    /// Of a peer's endpoint: the same for all of one [group](Ports), so that they can be counted where one of them would be.
    #[inline(always)]
    pub(super) fn endpoint<const N: usize>(&self, endpoint: &[u8; N]) -> Hash {
        if self.ports.are_limited() { self.hash(self.ports.group(endpoint).as_bytes()) } else { self.hash(endpoint) }
    }

    /// How the ports of an address are limited.
    pub(super) fn ports(&self) -> Ports {
        self.ports
    }

    /// The key of a torrent's crowds, another for each number: what is seen of one tells nothing of another.
    pub(super) fn of_crowds(&self, info_hash: &InfoHash, number: u64) -> Self {
        let mut bytes = [0; 29];
        bytes[..20].copy_from_slice(&info_hash.0);
        bytes[20..28].copy_from_slice(&number.to_le_bytes());
        let mut key = [0; 16];
        for (half, place) in key.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            bytes[28] = u8::from(half > 0);
            *place = self.hash(&bytes).0.to_le_bytes();
        }
        Self { secret: key, ports: self.ports }
    }
}

/// 64 bits that decide on a place. Each decision takes bits of its own:
///
/// ```text
/// 63            40 39  32 31            16 15             0
/// | page         | tag   | second bucket  | first bucket  |
/// ```
///
/// A shard is chosen by the highest bits of all. Pages count from bit 40 up, and there are never so many that they reach
/// the bits of the shard.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Hash(u64);

impl Hash {
    /// One of `number` shards.
    pub(super) fn shard(self, number: usize) -> usize {
        let [.., low, high] = self.0.to_le_bytes();
        scaled(u16::from_le_bytes([low, high]), number)
    }

    /// One of `number` pages: adding one to the number moves only entries of one page, and only to the new one.
    pub(super) fn page(self, number: usize) -> usize {
        // Of nearly all tables.
        if number <= 1 {
            return 0;
        }
        let [.., low, middle, high] = self.0.to_le_bytes();
        let bits = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let rounded = number.next_power_of_two();
        let page = bits & (rounded - 1);
        if page < number { page } else { page & (rounded / 2 - 1) }
    }

    /// Eight bits to tell entries of one bucket apart without reading them.
    pub(super) fn tag(self) -> u8 {
        self.0.to_le_bytes()[4]
    }

    /// All of it, for who has no other use for it.
    pub(super) fn parts(self) -> [u16; 4] {
        [0, 16, 32, 48].map(|bits| {
            #[expect(clippy::cast_possible_truncation, reason = "16 bits at a time")]
            let part = (self.0 >> bits) as u16;
            part
        })
    }

    /// Two different buckets of `number`, which is at least 2.
    pub(super) fn buckets(self, number: usize) -> [usize; 2] {
        let [low, high, other_low, other_high, ..] = self.0.to_le_bytes();
        let first = scaled(u16::from_le_bytes([low, high]), number);
        let second = scaled(u16::from_le_bytes([other_low, other_high]), number - 1);
        [first, second + usize::from(second >= first)]
    }
}

/// 16 bits, scaled to `0..number`.
pub(super) fn scaled(bits: u16, number: usize) -> usize {
    (usize::from(bits) * number) >> 16
}

#[cfg(test)]
mod tests {
    use super::super::ports::Ports;
    use super::*;

    fn hashes() -> impl Iterator<Item = Hash> {
        let key = Key::new(b"0123456789abcdef", Ports::default());
        (0..20_000_u32).map(move |number| key.hash(&number.to_be_bytes()))
    }

    #[test]
    fn one_more_page_takes_from_one_page_alone() {
        for number in 1..70_usize {
            let parent = number ^ (1 << number.ilog2());
            for hash in hashes().take(2_000) {
                let (before, after) = (hash.page(number), hash.page(number + 1));
                assert!(before < number);
                assert!(after == before || (after, before) == (number, parent), "{number}: {before} {after}");
            }
        }
    }

    #[test]
    fn the_two_buckets_differ_and_each_is_as_likely_as_any() {
        for number in [2, 3, 50] {
            let mut hits = vec![0_u32; number];
            for [first, second] in hashes().map(|hash| hash.buckets(number)) {
                assert_ne!(first, second);
                hits[first] += 1;
                hits[second] += 1;
            }
            let mean = 40_000.0 / number as f64;
            assert!(hits.iter().all(|&hits| (f64::from(hits) / mean - 1.0).abs() < 0.2), "{number}: {hits:?}");
        }
    }

    /// Were a shard chosen by bits that a table uses too, its table would use a part of itself alone.
    #[test]
    fn within_a_shard_all_other_bits_still_vary() {
        let shard: Vec<_> = hashes().filter(|hash| hash.shard(8) == 3).collect();
        assert!((2_000..3_000).contains(&shard.len()));
        let distinct = |part: fn(&Hash) -> usize| {
            let parts: std::collections::HashSet<_> = shard.iter().map(part).collect();
            parts.len()
        };
        assert_eq!(distinct(|hash| hash.tag().into()), 256);
        assert_eq!(distinct(|hash| hash.page(64)), 64);
        assert_eq!(distinct(|hash| hash.buckets(32)[0]), 32);
        assert_eq!(distinct(|hash| hash.buckets(32)[1]), 32);
    }
}
