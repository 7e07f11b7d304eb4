//! Forgetting: expired peers, torrents of which nothing is left to tell, and memory that is needed no more.
//!
//! A shard is swept in steps, each of which touches a bounded number of entries; its lock is free between them, and a
//! [`Cursor`] keeps the place. What others move past the cursor meanwhile, the next pass sees.

use super::crowd::Crowd;
use super::crowds::Crowds;
use super::form::{Form, Torrent};
use super::key::Key;
use super::peer::{Lifetime, Peer, Tick};
use super::shard::Shard;
use super::table::{At, Table};
use crate::bittorrent::Family;
use crate::storage::Role;

/// How far a shard has been swept.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    /// The crowds that come next; past the last of them, the torrents do.
    crowds: usize,
    /// Which of their four tables.
    table: usize,
    place: Place,
}

/// How far a table has been swept.
#[derive(Debug, Default)]
struct Place {
    page: usize,
    bucket: usize,
    /// Entries of the bucket that are still to be looked at: the first ones, since gaps are filled from the end.
    entries: Option<usize>,
}

/// What is too old, and what the time is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Age {
    pub(super) lifetime: Lifetime,
    pub(super) now: Tick,
}

impl Age {
    pub(super) fn is_over<const N: usize>(self, peer: &Peer<N>) -> bool {
        self.lifetime.is_over(peer.stamp().tick(), self.now)
    }
}

impl Shard {
    /// Sweeps on from the cursor until so much has been touched that others should have their turn. Says whether all is done.
    pub(super) fn sweep(&mut self, cursor: &mut Cursor, age: Age) -> bool {
        while self.touched < SWEEP_TURN {
            self.touched += 1;
            let more = if cursor.crowds < self.swarms.crowds.len() {
                self.sweep_crowds(cursor, age);
                true
            } else {
                self.sweep_torrents(&mut cursor.place, age)
            };
            if !more {
                return true;
            }
        }
        false
    }

    /// One page of crowds, or the end of them.
    fn sweep_crowds(&mut self, cursor: &mut Cursor, age: Age) {
        let crowds = self.swarms.crowds[cursor.crowds].as_deref_mut();
        let swept = crowds.and_then(|crowds| {
            let Crowds { key, v4, v6, .. } = crowds;
            match cursor.table {
                0 | 1 => Some((Family::V4, v4.sweep(cursor.table == 0, &mut cursor.place, age, key)?)),
                2 | 3 => Some((Family::V6, v6.sweep(cursor.table == 2, &mut cursor.place, age, key)?)),
                _ => None,
            }
        });
        if let Some((family, swept)) = swept {
            self.touched += swept.touched;
            self.peers[family] -= swept.removed;
            self.seeders[family] -= swept.seeders;
            self.expired += swept.removed;
        } else if cursor.table < 3 && self.swarms.crowds[cursor.crowds].is_some() {
            cursor.table += 1;
            cursor.place = Place::default();
        } else {
            self.dissolve(cursor.crowds, age.now);
            *cursor = Cursor { crowds: cursor.crowds + 1, ..Cursor::default() };
        }
    }

    /// Has crowds that are few by now kept as such.
    fn dissolve(&mut self, crowds: usize, now: Tick) {
        let Some(info_hash) = self.swarms.crowds[crowds].as_ref().map(|crowds| crowds.info_hash) else { return };
        let torrent = self.torrents.find(self.swarms.key.hash(&info_hash.0), |torrent| torrent.info_hash == info_hash);
        let torrent = self.torrents.entry_mut(torrent.expect("crowds belong to a torrent"));
        let mut form = torrent.form();
        self.touched += self.swarms.dissolve(&mut form, now);
        torrent.set_form(&form);
    }

    /// One torrent, or the end of a page. Says whether there is more to do.
    fn sweep_torrents(&mut self, place: &mut Place, age: Age) -> bool {
        let Some(page) = self.torrents.pages().get(place.page) else {
            return self.torrents.merge(&self.swarms.key).inspect(|touched| self.touched += touched).is_some();
        };
        if place.bucket == page.buckets() {
            self.touched += self.torrents.shrink_page(place.page, &self.swarms.key);
            *place = Place { page: place.page + 1, ..Place::default() };
            return true;
        }
        let entries = page.bucket(place.bucket).len();
        let left = place.entries.map_or(entries, |left| left.min(entries));
        if let Some(entry) = left.checked_sub(1) {
            self.sweep_torrent(At { page: place.page, bucket: place.bucket, entry }, age);
            place.entries = Some(entry);
        } else {
            *place = Place { page: place.page, bucket: place.bucket + 1, entries: None };
        }
        true
    }

    fn sweep_torrent(&mut self, at: At, age: Age) {
        let torrent: &mut Torrent = self.torrents.entry_mut(at);
        let mut form = torrent.form();
        let swarms = self.swarms.of(&form);
        let (members, seeders) = (swarms.members(), swarms.seeders());
        match &form {
            // An empty torrent's completed downloads are remembered for a peer's lifetime.
            Form::Empty(since) if age.lifetime.is_over(*since, age.now) => torrent.set_completed(0),
            Form::One(peer) if age.is_over(peer) => form = Form::Empty(age.now),
            Form::Few(_) => self.touched += self.swarms.sweep_few(&mut form, torrent.info_hash, age),
            _ => {}
        }
        torrent.set_form(&form);
        let swarms = self.swarms.of(&form);
        let (kept, kept_seeders) = (swarms.members(), swarms.seeders());
        for family in Family::BOTH {
            let expired = members[family] - kept[family];
            self.peers[family] -= expired;
            self.seeders[family] -= seeders[family] - kept_seeders[family];
            self.expired += expired;
        }
        if torrent.is_forgettable() {
            self.torrents.remove(at);
        }
    }
}

impl<const N: usize> Crowd<N> {
    /// Sweeps one page of a table, or gives back memory. Nothing once all is done.
    fn sweep(&mut self, downloads: bool, place: &mut Place, age: Age, key: &Key) -> Option<Swept> {
        let mut seeders = 0;
        let table: &mut Table<Peer<N>> = self.table_mut(downloads);
        let page = place.page;
        let Some((buckets, touched)) = table.pages().get(page).map(|page| (page.buckets(), page.len())) else {
            return table.merge(key).map(Swept::touching);
        };
        if place.bucket == buckets {
            *place = Place { page: page + 1, ..Place::default() };
            return Some(Swept::touching(table.shrink_page(page, key)));
        }
        let mut keep = |peer: &mut Peer<N>| {
            let over = age.is_over(peer);
            seeders += usize::from(over && peer.stamp().role() == Role::Seeder);
            !over
        };
        let removed: usize = (0..buckets).map(|bucket| table.retain_in_bucket(page, bucket, &mut keep)).sum();
        place.bucket = buckets;
        self.seeders -= seeders;
        Some(Swept { touched, removed: removed as u64, seeders: seeders as u64 })
    }
}

/// What sweeping a page came to.
#[derive(Clone, Copy, Debug, Default)]
struct Swept {
    /// Entries touched.
    touched: usize,
    /// Peers that were too old.
    removed: u64,
    /// Those of them that were seeders.
    seeders: u64,
}

impl Swept {
    fn touching(touched: usize) -> Self {
        Self { touched, ..Self::default() }
    }
}

/// Entries touched after which a sweep begins nothing more before others have had the lock: what it then has begun touches
/// a page at most.
const SWEEP_TURN: usize = 256;
