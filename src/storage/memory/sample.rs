//! A uniform random choice of peers from a packed run, without duplicates, without an allocation.

use super::peer::Peer;
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
    let places = append(out, want.min(available));
    // The peer at `skip` is passed over by counting past it.
    let skip = skip.unwrap_or(peers.len());
    let peer = |position: usize| peers[position + usize::from(position >= skip)].endpoint;
    if want >= available {
        return places.iter_mut().enumerate().for_each(|(position, place)| *place = peer(position));
    }
    let stride = dice.stride(available);
    let mut position = dice.below(available);
    for place in places {
        *place = peer(position);
        position += stride;
        // Both were less; a division here would cost as much as all the rest.
        position -= if position >= available { available } else { 0 };
    }
}

/// Appends room for so many peers.
pub(super) fn append<const N: usize>(out: &mut Vec<u8>, peers: usize) -> &mut [[u8; N]] {
    let start = out.len();
    out.resize(start + peers * N, 0);
    out[start..].as_chunks_mut().0
}

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
