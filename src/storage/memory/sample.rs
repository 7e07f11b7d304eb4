//! A uniform random choice of peers, without duplicates, without an allocation.

use rand::{Rng, RngExt};

use super::peer::Peer;

/// Appends the compact bytes of `want` of the peers, other than that at `skip`, to `out`; all of them if there are fewer.
///
/// Walks the array from a random start in random strides: each peer is as likely as any other, and neighbours come
/// together no more often than strangers.
pub(super) fn sample<const N: usize>(
    peers: &[Peer<N>],
    skip: Option<usize>,
    want: usize,
    rng: &mut impl Rng,
    out: &mut Vec<u8>,
) {
    let available = peers.len() - usize::from(skip.is_some());
    if want == 0 || available == 0 {
        return;
    }
    if want >= available {
        let others = peers.iter().enumerate().filter(|&(index, _)| Some(index) != skip);
        others.for_each(|(_, peer)| out.extend_from_slice(&peer.endpoint));
        return;
    }
    let stride = stride(available, want, rng);
    let mut position = rng.random_range(0..available);
    for _ in 0..want {
        let index = position + usize::from(skip.is_some_and(|skip| position >= skip));
        out.extend_from_slice(&peers[index].endpoint);
        position += stride;
        // Both were less; a division here would cost as much as all the rest.
        if position >= available {
            position -= available;
        }
    }
}

/// A step that visits at least `want` of `available` places before it comes back to the first.
fn stride(available: usize, want: usize, rng: &mut impl Rng) -> usize {
    for _ in 0..STRIDE_TRIES {
        let stride = rng.random_range(1..available);
        if available / greatest_common_divisor(available, stride) >= want {
            return stride;
        }
    }
    1
}

fn greatest_common_divisor(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Misses in a row before it settles for neighbours; where most is wanted of an even number, every other draw misses.
const STRIDE_TRIES: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand::rngs::SmallRng;

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
                sample(&peers, skip, want, &mut rng, &mut out);
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
            sample(&peers, Some(17), 50, &mut rng, &mut out);
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
