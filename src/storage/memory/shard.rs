//! One shard: a table of torrents and their swarms, to be used under its lock.

use super::crowd::Sought;
use super::form::{Form, Torrent};
use super::key::{Hash, Key};
use super::packed::{is_seeder, stamp};
use super::peer::Moment;
use super::room::Share;
use super::swarms::{Changed, Swarms};
use super::table::{At, Table};
use super::walk::Dice;
use crate::bittorrent::{Counts, InfoHash, PerFamily};
use crate::storage::{Announce, Change, Reply, Request, Scrape, Span};
use crate::sys::prefetch_all;

/// The torrents whose hash falls to this shard.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) torrents: Table<Torrent>,
    pub(super) swarms: Swarms,
    pub(super) peers: PerFamily<u64>,
    pub(super) seeders: PerFamily<u64>,
    /// Downloads that were completed here.
    pub(super) downloads: u64,
    /// Peers that were forgotten here for their age.
    pub(super) expired: u64,
    /// Its part of what the store may hold.
    pub(super) share: Share,
    /// Entries touched since the lock was taken.
    pub(super) touched: usize,
    /// The most that were ever.
    pub(super) most_touched: usize,
}

impl Shard {
    pub(super) fn new(key: Key, share: Share) -> Self {
        Self {
            torrents: Table::default(),
            swarms: Swarms::new(key),
            peers: PerFamily::default(),
            seeders: PerFamily::default(),
            downloads: 0,
            expired: 0,
            share,
            touched: 0,
            most_touched: 0,
        }
    }

    /// Begins a new count of what is touched under the lock, and keeps the highest.
    pub(super) fn settle(&mut self) {
        debug_assert!(self.touched <= MOST_TOUCHED, "{} entries touched under one lock", self.touched);
        self.most_touched = self.most_touched.max(self.touched);
        self.touched = 0;
    }

    /// Torrents kept here.
    pub(super) fn torrents(&self) -> u64 {
        self.torrents.len() as u64
    }

    /// Applies an announce, and appends the peers that it is answered to `out`.
    #[inline(always)]
    pub(super) fn announce(&mut self, path: &Path, announce: &Announce, now: Moment, out: &mut Vec<u8>) -> Reply {
        let known = self.announce_of_known(path, announce, now, out);
        known.unwrap_or_else(|| self.announce_of_newcomer(path, announce, now, out))
    }

    /// The same; nothing if it would bring in a peer.
    #[inline(always)]
    fn announce_of_known(&mut self, path: &Path, announce: &Announce, now: Moment, out: &mut Vec<u8>) -> Option<Reply> {
        let Some(at) = self.find(path, announce.info_hash) else {
            return (!matches!(announce.change, Change::Present { .. })).then_some(UNKNOWN);
        };
        let torrent = self.torrents.entry_mut(at);
        let mut form = torrent.form();
        let changed = self.swarms.change(&mut form, announce, path.own, now)?;
        let completed = torrent.keep(&form, changed.completed);
        Some(self.answer(at, &form, completed, &changed, path, announce, out))
    }

    /// The same of a peer that is not known. Apart, so that it costs those who are nothing.
    #[inline(never)]
    fn announce_of_newcomer(&mut self, path: &Path, announce: &Announce, now: Moment, out: &mut Vec<u8>) -> Reply {
        let Change::Present { role, completed } = announce.change else { return UNKNOWN };
        let mut announce = *announce;
        if self.admit(path, &announce, now).is_err() {
            announce.change = Change::Unchanged { role };
        }
        let enters = announce.change == Change::Present { role, completed };
        let torrent = self.find(path, announce.info_hash).or_else(|| {
            enters.then(|| {
                let (at, touched) = self.torrents.insert(Torrent::new(announce.info_hash), &self.swarms.key);
                self.touched += touched;
                at
            })
        });
        let Some(at) = torrent else { return UNKNOWN };
        let torrent = self.torrents.entry_mut(at);
        let mut form = torrent.form();
        let mut changed = Changed::default();
        if enters {
            let (stamp, completed) = stamp(None, now, role, completed);
            let (own, touched) = self.swarms.enter(&mut form, announce.info_hash, &announce.peer, stamp);
            let (own, seeders) = (Some(own), is_seeder(role));
            changed = Changed { own, completed, peers: 1, seeders, touched };
        }
        let completed = torrent.keep(&form, changed.completed);
        self.answer(at, &form, completed, &changed, path, &announce, out)
    }

    /// Counts what an announce has changed, and answers it.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "what two callers know, in registers")]
    fn answer(
        &mut self,
        at: At,
        form: &Form,
        completed: u32,
        changed: &Changed,
        path: &Path,
        announce: &Announce,
        out: &mut Vec<u8>,
    ) -> Reply {
        self.touched += changed.touched;
        let reply = self.swarms.of(form).reply(announce, changed.own, completed, path.dice, out);
        if changed.peers != 0 || changed.seeders != 0 || changed.completed {
            let family = announce.peer.family();
            self.peers[family] = self.peers[family].wrapping_add_signed(changed.peers.into());
            self.seeders[family] = self.seeders[family].wrapping_add_signed(changed.seeders.into());
            self.downloads += u64::from(changed.completed);
            if self.torrents.entry(at).is_forgettable() {
                self.torrents.remove(at);
            }
            self.tell();
        }
        reply
    }

    /// Counts of one family's swarm; zeros for an unknown torrent.
    pub(super) fn counts(&self, path: &Path, scrape: &Scrape) -> Counts {
        self.find(path, scrape.info_hash).map_or_else(Counts::default, |at| {
            let torrent = self.torrents.entry(at);
            self.swarms.of(&torrent.form()).counts(scrape.family, torrent.completed())
        })
    }

    /// Has the processor fetch the torrent that a request is about, and keeps where it seems to be.
    pub(super) fn prefetch_torrent(&self, path: &mut Path) {
        path.torrent = self.torrents.prefetch_entry(path.hash);
    }

    /// Has it fetch the swarms, and keeps what was found out.
    pub(super) fn prefetch_swarms(&self, path: &mut Path, request: &Request) {
        path.torrent = self.find(path, *request.info_hash());
        let (Request::Announce(_), Some(at)) = (request, path.torrent) else { return };
        let form = self.torrents.entry(at).form();
        match form {
            Form::Few(_) => self.swarms.of(&form).prefetch_packed(),
            Form::Many(index) => {
                self.swarms.crowds[index as usize].as_deref().inspect(|crowds| prefetch_all(*crowds));
                path.crowd = Some(index);
            }
            Form::Empty(_) | Form::One(_) => {}
        }
    }

    /// Has it fetch what finds the announcer in a crowd, and what it will most likely be given of it.
    pub(super) fn prefetch_crowd(&self, path: &mut Path, announce: &Announce) {
        let Some(index) = path.crowd else { return };
        path.own = self.swarms.sought(index, &announce.peer);
        if let (Some(crowds), Some(own)) = (self.swarms.crowds(index), path.own) {
            crowds.prefetch_crowd(announce, own.hash, path.dice);
        }
    }

    /// Has it fetch the announcer's own entry, where it is in a crowd.
    pub(super) fn prefetch_own(&self, path: &mut Path, announce: &Announce) {
        if let (Some(index), Some(own)) = (path.crowd, &mut path.own)
            && let Some(crowds) = self.swarms.crowds(index)
        {
            own.at = crowds.prefetch_own(announce, own.hash);
        }
    }

    #[inline(always)]
    pub(super) fn find(&self, path: &Path, info_hash: InfoHash) -> Option<At> {
        let same = |torrent: &Torrent| torrent.info_hash == info_hash;
        let seen = path.torrent.and_then(|at| self.torrents.look(at, same));
        seen.or_else(|| self.torrents.find(path.hash, same))
    }
}

/// A request's way to its swarm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path {
    /// Of the info hash.
    pub(super) hash: Hash,
    /// For the choice of peers.
    pub(super) dice: Dice,
    /// Where its torrent seems to be; it may be another's place.
    torrent: Option<At>,
    /// If its swarm was seen to be a crowd: which one, though it may be another's since.
    pub(super) crowd: Option<u32>,
    /// The announcer there.
    own: Option<Sought>,
}

impl Path {
    pub(super) fn new(hash: Hash, dice: Dice) -> Self {
        Self { hash, dice, torrent: None, crowd: None, own: None }
    }
}

/// Entries that may be touched while a lock is held: some tens of microseconds.
pub(super) const MOST_TOUCHED: usize = 4_096;

/// What is said of a torrent that nobody has announced.
const UNKNOWN: Reply = Reply::Announce {
    counts: Counts { seeders: 0, leechers: 0, downloaders: 0, completed: 0 },
    peers: PerFamily { v4: Span { start: 0, end: 0 }, v6: Span { start: 0, end: 0 } },
};
