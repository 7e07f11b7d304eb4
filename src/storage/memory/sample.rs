//! A uniform random choice of peers from a packed run, without duplicates, without an allocation.

use zerocopy::IntoBytes;

use super::peer::{Peer, STAMP_BYTES};
use super::walk::Dice;

/// Appends the compact bytes of `want` of the peers, other than that at `skip`, to `out`; all of them if there are fewer.
///
/// Walks the run from a random start in strides of a random prime that does not divide the number of peers: so none is met
/// twice, each is as likely as any other, and neighbours come together no more often than strangers.
pub(super) fn sample<const N: usize>(
    peers: &[Peer<N>],
    skip: Option<usize>,
    want: usize,
    dice: Dice,
    out: &mut Vec<u8>,
) {
    let available = peers.len() - usize::from(skip.is_some());
    let want = want.min(available);
    // The peer at `skip` is passed over by counting past it.
    let skip = skip.unwrap_or(peers.len());
    Places::append(out, want, |places| {
        if want == available {
            places.put_all(&peers[..skip]);
            places.put_all(&peers[peers.len().min(skip + 1)..]);
            return;
        }
        let stride = dice.stride(available);
        let mut position = dice.below(available);
        for _ in 0..want {
            places.put(&peers[position + usize::from(position >= skip)]);
            position += stride;
            // Both were less; a division here would cost as much as all the rest.
            position -= if position >= available { available } else { 0 };
        }
    });
}

/// Where the compact bytes of so many peers go.
///
/// A peer is put there whole, with its stamp, and the next is put over the stamp: one copy of eight bytes is half the work
/// of one of four and one of two.
pub(super) struct Places<'a, const N: usize>(&'a mut [u8]);

impl<const N: usize> Places<'_, N> {
    /// Has exactly `number` peers put at the end of `out`.
    pub(super) fn append(out: &mut Vec<u8>, number: usize, put: impl FnOnce(&mut Places<'_, N>)) {
        if number == 0 {
            return;
        }
        let (start, end) = (out.len(), out.len() + number * N);
        out.resize(end + STAMP_BYTES, 0);
        put(&mut Places(&mut out[start..]));
        out.truncate(end);
    }

    pub(super) fn put(&mut self, peer: &Peer<N>) {
        let places = std::mem::take(&mut self.0);
        places[..N + STAMP_BYTES].copy_from_slice(peer.as_bytes());
        self.0 = &mut places[N..];
    }

    /// Puts peers up to the first vacant place. Says how many.
    pub(super) fn put_all(&mut self, peers: &[Peer<N>]) -> usize {
        let before = self.0.len();
        let (lines, rest) = peers.as_chunks::<LINE>();
        for line in lines {
            // Peers are packed: if the last is there, all are.
            if line[LINE - 1].is_vacant() {
                self.put_each(line);
                return (before - self.0.len()) / N;
            }
            let places = std::mem::take(&mut self.0);
            let these = &mut places[..LINE * N + STAMP_BYTES];
            for (number, peer) in line.iter().enumerate() {
                these[number * N..][..N + STAMP_BYTES].copy_from_slice(peer.as_bytes());
            }
            self.0 = &mut places[LINE * N..];
        }
        self.put_each(rest);
        (before - self.0.len()) / N
    }

    fn put_each(&mut self, peers: &[Peer<N>]) {
        peers.iter().take_while(|peer| !peer.is_vacant()).for_each(|peer| self.put(peer));
    }
}

/// Peers put without looking at each: a cache line of IPv4 ones.
const LINE: usize = 8;

/// A step below `places` that leads to each of them before it leads back; one of some primes that do not divide them.
pub(super) fn stride(places: usize, random: u16) -> usize {
    let first = usize::from(random) % PRIMES.len();
    let primes = PRIMES[first..].iter().chain(&PRIMES[..first]);
    primes.copied().find(|prime| !places.is_multiple_of(*prime)).map_or(1, |prime| prime % places)
}

/// Three of them are the fewest whose product is larger than any number of places here.
const PRIMES: [usize; 16] = [7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67];
#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::super::peer::{Stamp, Tick};
    use super::*;
    use crate::storage::Role;

    fn peers(count: u16) -> Vec<Peer<6>> {
        let stamp = Stamp::new(Tick::default(), Role::Downloader, false);
        (0..count).map(|n| Peer::new([10, 0, 0, 0, n.to_be_bytes()[0], n.to_be_bytes()[1]], stamp)).collect()
    }

    #[test]
    fn any_number_of_any_number_are_distinct_and_never_the_skipped_one() {
        let mut rng = SmallRng::seed_from_u64(1);
        for count in 0..70_u16 {
            let peers = peers(count);
            for want in 0..=usize::from(count) + 1 {
                let skip = (count > 0).then(|| rng.random_range(0..usize::from(count)));
                let mut out = Vec::new();
                sample(&peers, skip, want, Dice::throw(rng.random(), 0), &mut out);
                let distinct: HashSet<_> = out.chunks(6).collect();
                assert_eq!(distinct.len(), out.len() / 6);
                assert_eq!(distinct.len(), want.min(usize::from(count.saturating_sub(1))));
                assert!(skip.is_none_or(|skip| !distinct.contains(&peers[skip].endpoint[..])));
            }
        }
    }

    #[test]
    fn every_peer_is_as_likely_as_any_other() {
        const PEERS: usize = 1_000;
        const ROUNDS: usize = 20_000;
        let peers = peers(1_000);
        let mut rng = SmallRng::seed_from_u64(2);
        let mut seen = [0_u32; PEERS];
        let mut out = Vec::new();
        for _ in 0..ROUNDS {
            out.clear();
            sample(&peers, Some(17), 50, Dice::throw(rng.random(), 0), &mut out);
            out.chunks(6).for_each(|peer| seen[usize::from(u16::from_be_bytes([peer[4], peer[5]]))] += 1);
        }
        let expected = (ROUNDS * 50) as f64 / (PEERS - 1) as f64;
        let others = seen.iter().enumerate().filter(|&(index, _)| index != 17);
        let chi_square: f64 = others.map(|(_, &count)| (f64::from(count) - expected).powi(2) / expected).sum();
        // 998 degrees of freedom; strides correlate a draw's members, so allow what 1 in 10^6 of fair choices exceeds.
        assert!(chi_square / 998.0 < 1.25, "{chi_square}");
        assert_eq!(seen[17], 0);
    }
}
