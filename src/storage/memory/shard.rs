//! One shard: a table of torrents and their swarms, to be used under its lock.

use super::crowd::Sought;
use super::form::{Form, Torrent};
use super::key::{Hash, Key};
use super::peer::Tick;
use super::room::{Held, Share};
use super::swarms::{Changed, Swarms};
use super::table::{At, Table};
use super::walk::Dice;
use crate::bittorrent::{Counts, InfoHash, PerFamily};
use crate::storage::{Announce, Change, Reply, Request, Scrape};
use crate::sys::prefetch_all;

/// The torrents whose hash falls to this shard.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) torrents: Table<Torrent>,
    pub(super) swarms: Swarms,
    pub(super) peers: PerFamily<u64>,
    /// Its part of a store that is limited.
    share: Option<Share>,
    /// Entries touched since the lock was taken.
    pub(super) touched: usize,
    /// The most that were ever.
    pub(super) most_touched: usize,
}

impl Shard {
    pub(super) fn new(key: Key, share: Option<Share>) -> Self {
        let (torrents, swarms) = (Table::default(), Swarms::new(key));
        Self { torrents, swarms, peers: PerFamily::default(), share, touched: 0, most_touched: 0 }
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

    /// Peers kept here.
    pub(super) fn peers(&self) -> PerFamily<u64> {
        self.peers
    }

    /// Applies an announce, and appends the peers that it is answered to `out`.
    #[inline(always)]
    pub(super) fn announce(&mut self, path: &Path, announce: &Announce, now: Tick, out: &mut Vec<u8>) -> Reply {
        let at = match self.find(path, announce.info_hash) {
            Some(at) => at,
            None if matches!(announce.change, Change::Present { .. }) => {
                let (at, touched) = self.torrents.insert(Torrent::new(announce.info_hash), &self.swarms.key);
                self.touched += touched;
                at
            }
            None => return Reply::Announce { counts: Counts::default(), peers: PerFamily::default() },
        };
        let torrent = self.torrents.entry_mut(at);
        let mut form = torrent.form();
        let Changed { own, completed, more, fewer, touched } = self.swarms.change(&mut form, announce, path.own, now);
        torrent.set_form(&form);
        torrent.set_completed(torrent.completed().saturating_add(completed.into()));
        self.touched += touched;
        let peers = &mut self.peers[announce.peer.family()];
        *peers = *peers + u64::from(more) - u64::from(fewer);
        let reply = self.swarms.of(&form).reply(announce, own, torrent.completed(), path.dice, out);
        if torrent.is_forgettable() {
            self.torrents.remove(at);
        }
        reply
    }

    /// Says how much is kept here, where it is limited.
    pub(super) fn tell(&mut self) {
        if let Some(share) = &mut self.share {
            share.tell(Held { peers: self.peers.v4 + self.peers.v6, torrents: self.torrents.len() as u64 });
        }
    }

    /// The same as [`announce`](Self::announce), within what may be kept. Apart from it, so that it costs others nothing.
    #[inline(never)]
    pub(super) fn announce_within_limits(
        &mut self,
        path: &Path,
        announce: &Announce,
        now: Tick,
        out: &mut Vec<u8>,
    ) -> Reply {
        let refused = self.refused(path, announce);
        let reply = self.announce(path, refused.as_ref().unwrap_or(announce), now, out);
        self.tell();
        reply
    }

    /// What becomes of an announce that would bring in more than there is room for: a look, which changes nothing.
    fn refused(&self, path: &Path, announce: &Announce) -> Option<Announce> {
        let share = self.share.as_ref()?;
        let Change::Present { role, .. } = announce.change else { return None };
        let (peers, torrents) = (share.has_peers_enough(), share.has_torrents_enough());
        if !peers && !torrents {
            return None;
        }
        let torrent = self.find(path, announce.info_hash);
        let known = |at| !peers || self.swarms.has(&self.torrents.entry(at).form(), announce);
        if torrent.is_some_and(known) {
            return None;
        }
        share.refuse(peers);
        Some(Announce { change: Change::Unchanged { role }, ..*announce })
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
        path.own = self.swarms.sought(index, announce);
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
    fn find(&self, path: &Path, info_hash: InfoHash) -> Option<At> {
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
