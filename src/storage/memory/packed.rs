//! Small swarms: peers in one packed run, searched by reading it through.

use arrayvec::ArrayVec;

use super::form::Size;
use super::peer::{Moment, Peer, Stamp};
use crate::storage::Role;
use crate::sys::prefetch;

/// The peers of one family: downloaders, then seeders, then partial seeds. What seeders are offered is a prefix.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a, const N: usize> {
    pub(super) peers: &'a [Peer<N>],
    pub(super) downloaders: usize,
}

impl<'a, const N: usize> Packed<'a, N> {
    pub(super) fn find(self, endpoint: &[u8; N]) -> Option<usize> {
        self.peers.iter().position(|peer| peer.is(endpoint))
    }

    pub(super) fn seeders(self) -> usize {
        ends(self.peers, self.downloaders)[1] - self.downloaders
    }

    /// Has the processor fetch the first of them; it follows a run by itself.
    pub(super) fn prefetch(self) {
        let peers_per_line = 64 / size_of::<Peer<N>>();
        self.peers.iter().step_by(peers_per_line).take(PREFETCHED_LINES).for_each(prefetch);
    }

    /// Those that one of this role is offered.
    pub(super) fn zone(self, role: Role) -> &'a [Peer<N>] {
        if role == Role::Downloader { self.peers } else { &self.peers[..self.downloaders] }
    }
}

/// A small swarm taken out of its place, to gain or lose peers.
#[derive(Debug, Default)]
pub(super) struct Loose<const N: usize> {
    pub(super) peers: ArrayVec<Peer<N>, MOST_LOOSE>,
    pub(super) downloaders: usize,
}

impl<const N: usize> Loose<N> {
    pub(super) fn of(packed: Packed<'_, N>) -> Self {
        Self { peers: packed.peers.iter().copied().collect(), downloaders: packed.downloaders }
    }

    /// Adds a peer. Says where.
    pub(super) fn insert(&mut self, peer: Peer<N>) -> usize {
        let role = peer.stamp().role();
        let at = ends(&self.peers, self.downloaders)[rank(role)];
        self.peers.insert(at, peer);
        self.downloaders += usize::from(role == Role::Downloader);
        at
    }

    /// Removes the peer at a position. Says what it did.
    pub(super) fn remove(&mut self, at: usize) -> Role {
        self.downloaders -= usize::from(at < self.downloaders);
        self.peers.remove(at).stamp().role()
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&Peer<N>) -> bool) {
        self.peers.retain(|peer| keep(peer));
        self.downloaders = self.peers.iter().filter(|peer| peer.stamp().role() == Role::Downloader).count();
    }

    pub(super) fn size(&self) -> Size {
        Size { len: self.peers.len(), downloaders: self.downloaders }
    }

    #[cfg(test)]
    pub(super) fn packed(&self) -> Packed<'_, N> {
        Packed { peers: &self.peers, downloaders: self.downloaders }
    }
}

/// Gives the peer at a position another role; it moves to its new zone. Says where it is then, and how many seeders there are more.
pub(super) fn change_role<const N: usize>(
    peers: &mut [Peer<N>],
    downloaders: &mut usize,
    at: usize,
    stamp: Stamp,
) -> (usize, i8) {
    let (old, new) = (peers[at].stamp().role(), stamp.role());
    let end = ends(peers, *downloaders)[rank(new)];
    peers[at].restamp(stamp);
    *downloaders += usize::from(new == Role::Downloader);
    *downloaders -= usize::from(old == Role::Downloader);
    match rank(old).cmp(&rank(new)) {
        std::cmp::Ordering::Equal => (at, 0),
        std::cmp::Ordering::Less => {
            peers[at..end].rotate_left(1);
            (end - 1, is_seeder(new) - is_seeder(old))
        }
        std::cmp::Ordering::Greater => {
            peers[end..=at].rotate_right(1);
            (end, is_seeder(new) - is_seeder(old))
        }
    }
}

/// 1 or 0.
pub(super) fn is_seeder(role: Role) -> i8 {
    i8::from(role == Role::Seeder)
}

/// The stamp of a peer that announces, and whether it completed a download that had not been counted.
pub(super) fn stamp(known: Option<Stamp>, now: Moment, role: Role, completed: bool) -> (Stamp, bool) {
    // One that begins as a seeder has nothing left to complete.
    let seeder = role == Role::Seeder;
    let settled = known.map_or(seeder, Stamp::settled);
    let counts = completed && seeder && known.is_none_or(|stamp| !stamp.settled());
    let fresh = known.is_none_or(|stamp| stamp.is_fresh() && now.is_soon_after(stamp.tick()));
    (Stamp::new(now.tick, role, settled || counts).with_fresh(fresh), counts)
}

/// Where the zones end. Partial seeds are few, so they are counted from the end.
fn ends<const N: usize>(peers: &[Peer<N>], downloaders: usize) -> [usize; 3] {
    let partial = peers[downloaders..].iter().rev().take_while(|peer| peer.stamp().role() == Role::PartialSeed).count();
    [downloaders, peers.len() - partial, peers.len()]
}

/// The zone of a role.
fn rank(role: Role) -> usize {
    match role {
        Role::Downloader => 0,
        Role::Seeder => 1,
        Role::PartialSeed => 2,
    }
}

/// One more than the most peers of a small swarm.
pub(super) const MOST_LOOSE: usize = 256;

/// Cache lines of a small swarm to ask for: most have fewer.
const PREFETCHED_LINES: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::super::peer::{Lifetime, Tick};
    use super::super::tests::kind::{gathered, spread};
    use super::*;
    use crate::clock::Now;

    const ROLES: [Role; 3] = [Role::Downloader, Role::Seeder, Role::PartialSeed];

    fn peer(number: u32, role: Role) -> Peer<18> {
        Peer::new(spread(number), Stamp::new(Tick::default(), role, false))
    }

    /// The zones are in order, their ends are known, and these are the peers.
    fn check(swarm: &Loose<18>, model: &[(u32, Role)]) {
        let role = |peer: &Peer<18>| peer.stamp().role();
        assert!(swarm.peers.is_sorted_by_key(|peer| rank(role(peer))));
        let mut kept: Vec<_> = swarm.peers.iter().map(|peer| (gathered(&peer.endpoint), rank(role(peer)))).collect();
        let mut wanted: Vec<_> = model.iter().map(|&(number, role)| (number, rank(role))).collect();
        kept.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(kept, wanted);
        let count = |role| model.iter().filter(|(_, other)| *other == role).count();
        assert_eq!(swarm.downloaders, count(Role::Downloader));
        assert_eq!(swarm.packed().seeders(), count(Role::Seeder));
        assert_eq!((swarm.size().len, swarm.size().downloaders), (model.len(), count(Role::Downloader)));
        for role in ROLES {
            let offered = if role == Role::Downloader { model.len() } else { count(Role::Downloader) };
            assert_eq!(swarm.packed().zone(role).len(), offered);
        }
    }

    #[test]
    fn zones_stay_in_order_whatever_happens() {
        for seed in 0..20 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let mut swarm = Loose::default();
            let mut model: Vec<(u32, Role)> = Vec::new();
            for number in 0..400 {
                let role = ROLES[rng.random_range(0..3)];
                let any = rng.random_range(0..model.len().max(1));
                match rng.random_range(0..10) {
                    0..5 if model.len() < MOST_LOOSE - 1 => {
                        let at = swarm.insert(peer(number, role));
                        assert_eq!(swarm.peers[at], peer(number, role));
                        model.push((number, role));
                    }
                    5..7 if !model.is_empty() => {
                        let (number, _) = model.swap_remove(any);
                        let at = swarm.packed().find(&spread(number)).unwrap();
                        swarm.remove(at);
                        assert_eq!(swarm.packed().find(&spread(number)), None);
                    }
                    7..10 if !model.is_empty() => {
                        model[any].1 = role;
                        let renewed = peer(model[any].0, role);
                        let at = swarm.packed().find(&renewed.endpoint).unwrap();
                        let seeders = swarm.packed().seeders();
                        let (at, more) = change_role(&mut swarm.peers, &mut swarm.downloaders, at, renewed.stamp());
                        assert_eq!(seeders.checked_add_signed(more.into()), Some(swarm.packed().seeders()));
                        assert_eq!(swarm.peers[at], renewed);
                    }
                    _ => {}
                }
                check(&swarm, &model);
            }
            swarm.retain(|peer| !gathered(&peer.endpoint).is_multiple_of(3));
            model.retain(|(number, _)| number % 3 > 0);
            check(&swarm, &model);
        }
    }

    #[test]
    fn a_completion_counts_once_and_never_for_one_that_began_as_a_seeder() {
        let moment = moment(9);
        let seen = |known, role, completed| {
            let (stamp, counts) = stamp(known, moment, role, completed);
            assert_eq!((stamp.tick(), stamp.role()), (moment.tick, role));
            (stamp.settled(), counts)
        };
        let known = |role, settled| Some(Stamp::new(Tick::default(), role, settled));
        assert_eq!(seen(None, Role::Downloader, true), (false, false));
        assert_eq!(seen(None, Role::Seeder, false), (true, false));
        assert_eq!(seen(None, Role::Seeder, true), (true, true));
        assert_eq!(seen(known(Role::Downloader, false), Role::Seeder, true), (true, true));
        assert_eq!(seen(known(Role::Downloader, false), Role::Seeder, false), (false, false));
        assert_eq!(seen(known(Role::Downloader, true), Role::Seeder, true), (true, false));
        assert_eq!(seen(known(Role::Seeder, true), Role::Downloader, true), (true, false));
    }

    /// Where peers live for 800 seconds.
    fn moment(seconds: u32) -> Moment {
        let lifetime = Lifetime::new(Duration::from_secs(800));
        lifetime.moment(Now(seconds), lifetime.tick(Now(seconds)))
    }

    #[test]
    fn who_announces_again_at_once_is_not_renewed_by_that() {
        for start in [0, u32::MAX - 50] {
            let after = |seconds: u32, known: Option<Stamp>| {
                stamp(known, moment(start.wrapping_add(seconds)), Role::Seeder, false).0
            };
            let first = after(0, None);
            assert!(first.is_fresh());
            let again = after(99, Some(after(0, Some(first))));
            assert!(again.is_fresh());
            assert!(!after(100, Some(first)).is_fresh() && !after(199, Some(again)).is_fresh());
            // Renewed once, renewed for good.
            assert!(!after(101, Some(after(100, Some(first)))).is_fresh());
        }
    }
}
