//! Large swarms: peers in tables, those that download apart from the others.

use super::key::{Hash, Key};
use super::packed::{is_seeder, stamp};
use super::peer::{Moment, Peer};
use super::sample::Places;
use super::swarm::Own;
use super::swarms::Changed;
use super::table::{At, Table};
use super::walk::Dice;
use crate::storage::{Change, Role, Want};

/// The peers of one family.
#[derive(Debug, Default)]
pub(super) struct Crowd<const N: usize> {
    pub(super) downloaders: Table<Peer<N>>,
    /// Seeders and partial seeds.
    pub(super) others: Table<Peer<N>>,
    pub(super) seeders: usize,
}

/// What a peer of a crowd is looked for by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sought {
    /// The number of the crowds whose key the hash is of; it may have been given up since.
    pub(super) key: u64,
    /// Of its endpoint.
    pub(super) hash: Hash,
    /// Where it seems to be, among those of its role; it may be another's place.
    pub(super) at: Option<At>,
}

/// Where a peer of a crowd is, until the crowd changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    downloads: bool,
    at: At,
}

impl<const N: usize> Crowd<N> {
    pub(super) fn len(&self) -> usize {
        self.downloaders.len() + self.others.len()
    }

    /// Where the peer of this endpoint is; it is looked for first where one of this role would be.
    pub(super) fn find(&self, endpoint: &[u8; N], sought: Sought, role: Role) -> Option<Seat> {
        let expected = role == Role::Downloader;
        if let Some(at) = sought.at.and_then(|at| self.table(expected).look(at, |peer| peer.is(endpoint))) {
            return Some(Seat { downloads: expected, at });
        }
        [expected, !expected].into_iter().find_map(|downloads| {
            let at = self.table(downloads).find(sought.hash, |peer| peer.is(endpoint))?;
            Some(Seat { downloads, at })
        })
    }

    /// How many there are of this hash that are the `same`.
    pub(super) fn count(&self, hash: Hash, same: impl Fn(&Peer<N>) -> bool) -> usize {
        self.downloaders.count(hash, &same) + self.others.count(hash, &same)
    }

    /// Applies an announce's change; nothing if it would bring in a peer.
    pub(super) fn change(
        &mut self,
        endpoint: [u8; N],
        sought: Sought,
        change: Change,
        now: Moment,
        key: &Key,
    ) -> Option<Changed> {
        match change {
            Change::Present { role, completed } => self.renew(endpoint, sought, now, role, completed, key),
            Change::Absent => {
                let role = self.find(&endpoint, sought, Role::Downloader).map(|seat| self.remove(seat));
                let (peers, seeders) = role.map_or((0, 0), |role| (-1, -is_seeder(role)));
                Some(Changed { peers, seeders, touched: 1, ..Changed::default() })
            }
            Change::Unchanged { role } => {
                let own = self.find(&endpoint, sought, role).map(Own::Crowd);
                Some(Changed { own, touched: 1, ..Changed::default() })
            }
        }
    }

    /// Renews a peer, if it is there.
    fn renew(
        &mut self,
        endpoint: [u8; N],
        sought: Sought,
        now: Moment,
        role: Role,
        completed: bool,
        key: &Key,
    ) -> Option<Changed> {
        let downloads = role == Role::Downloader;
        let mut seat = self.find(&endpoint, sought, role)?;
        let old = self.table(seat.downloads).entry(seat.at).stamp();
        let (stamp, completed) = stamp(Some(old), now, role, completed);
        let mut touched = 1;
        if seat.downloads == downloads {
            self.seeders -= usize::from(old.role() == Role::Seeder);
            self.seeders += usize::from(role == Role::Seeder);
            self.table_mut(downloads).entry_mut(seat.at).restamp(stamp);
        } else {
            self.remove(seat);
            (seat, touched) = self.insert(Peer::new(endpoint, stamp), key);
        }
        let seeders = is_seeder(role) - is_seeder(old.role());
        Some(Changed { own: Some(Own::Crowd(seat)), completed, seeders, touched, ..Changed::default() })
    }

    /// Whether so many are where a peer sits that no chance has brought them there.
    pub(super) fn is_skewed(&self, seat: Seat) -> bool {
        self.table(seat.downloads).is_skewed(seat.at)
    }

    /// Puts every peer where another key has it.
    pub(super) fn deal_out(&mut self, key: &Key) {
        for downloads in [true, false] {
            let table = self.table_mut(downloads);
            for peer in std::mem::take(table).entries() {
                table.insert(peer, key);
            }
        }
    }

    /// Adds a peer that is not there. Says where, and how many entries were touched.
    pub(super) fn insert(&mut self, peer: Peer<N>, key: &Key) -> (Seat, usize) {
        let role = peer.stamp().role();
        let downloads = role == Role::Downloader;
        self.seeders += usize::from(role == Role::Seeder);
        let (at, touched) = self.table_mut(downloads).insert(peer, key);
        (Seat { downloads, at }, touched)
    }

    /// Removes a peer. Says what it did.
    pub(super) fn remove(&mut self, seat: Seat) -> Role {
        let role = self.table(seat.downloads).entry(seat.at).stamp().role();
        self.seeders -= usize::from(role == Role::Seeder);
        self.table_mut(seat.downloads).remove(seat.at);
        role
    }

    /// Those that one of this role is offered, given where it sits itself.
    pub(super) fn available(&self, role: Role, own: Option<Seat>) -> usize {
        let offered = |downloads| role == Role::Downloader || downloads;
        [true, false].into_iter().filter(|&downloads| offered(downloads)).map(|table| self.others_in(table, own)).sum()
    }

    /// Appends the compact bytes of `want` peers for one of this role, never its own, or of all if there are fewer.
    pub(super) fn sample(&self, role: Role, own: Option<Seat>, want: usize, dice: Dice, out: &mut Vec<u8>) {
        let dice = dice.three();
        let all = self.available(role, own);
        let want = want.min(all);
        let share = Self::share(self.others_in(true, own), all, want, dice[2]);
        Places::append(out, want, |places| {
            self.downloaders.sample(skip(own, true), share, dice[0], places);
            self.others.sample(skip(own, false), want - share, dice[1], places);
        });
    }

    /// Has the processor fetch what tells where the peer of this hash is, and what `sample` will most likely read if it is
    /// given the same dice.
    pub(super) fn prefetch(&self, hash: Hash, role: Role, want: Want, dice: Dice) {
        self.table(role == Role::Downloader).prefetch(hash);
        let dice = dice.three();
        let all = self.available(role, None);
        let want = all.min(want.peers as usize);
        let share = Self::share(self.downloaders.len(), all, want, dice[2]);
        self.downloaders.prefetch_sample(share, dice[0]);
        self.others.prefetch_sample(want - share, dice[1]);
    }

    /// Has it fetch that peer. Says where it seems to be.
    pub(super) fn prefetch_own(&self, hash: Hash, role: Role) -> Option<At> {
        self.table(role == Role::Downloader).prefetch_entry(hash)
    }

    /// How many of the wanted come from the downloaders, who are so many of all.
    ///
    /// Both tables in proportion, and what is less than one peer left to chance: so each peer is as likely as any other.
    fn share(downloaders: usize, all: usize, want: usize, dice: Dice) -> usize {
        (want * downloaders + dice.below(all)) / all.max(1)
    }

    /// Peers of one table, other than the one that asks.
    fn others_in(&self, downloads: bool, own: Option<Seat>) -> usize {
        self.table(downloads).len() - usize::from(skip(own, downloads).is_some())
    }

    fn table(&self, downloads: bool) -> &Table<Peer<N>> {
        if downloads { &self.downloaders } else { &self.others }
    }

    pub(super) fn table_mut(&mut self, downloads: bool) -> &mut Table<Peer<N>> {
        if downloads { &mut self.downloaders } else { &mut self.others }
    }

    #[cfg(test)]
    pub(super) fn frames(&self) -> usize {
        self.downloaders.frames() + self.others.frames()
    }

    /// All peers.
    pub(super) fn peers(&self) -> impl Iterator<Item = Peer<N>> {
        self.downloaders.entries().chain(self.others.entries())
    }
}

/// Where in one table the peer sits that asks.
fn skip(own: Option<Seat>, downloads: bool) -> Option<At> {
    own.filter(|seat| seat.downloads == downloads).map(|seat| seat.at)
}
