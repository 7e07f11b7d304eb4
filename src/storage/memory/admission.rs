//! Whom a limited store takes in, and who gives way to them.
//!
//! Only newcomers are ever asked: a peer that is known is renewed as in a store without limits, at the same cost. In a full store
//! they get the place of a torrent that is nearly nothing: one with a single peer that has announced once, which is all that
//! invented torrents are; or, where it is torrents that there is no room for, one without peers that is kept for its count. The
//! victim is near the newcomer in their table, so that looking for it is short and under the lock that is held anyway. A
//! torrent of two peers, and one that has been announced again, are never touched.

use std::iter;

use super::form::{Form, Torrent};
use super::key::Hash;
use super::peer::Tick;
use super::room::{Held, Lack};
use super::shard::{Path, Shard};
use super::table::{At, Table};
use super::walk::Dice;
use crate::bittorrent::Family;
use crate::clock::Now;
use crate::storage::{Announce, Change, Reply};

impl Shard {
    /// The same as [`announce`](Self::announce), within what may be kept and brought in.
    ///
    /// Apart from it, so that it costs others nothing. `now` is the moment that `tick` tells.
    #[inline(never)]
    pub(super) fn announce_within_limits(
        &mut self,
        path: &Path,
        announce: &Announce,
        now: Now,
        tick: Tick,
        out: &mut Vec<u8>,
    ) -> Reply {
        let known = self.announce_known(path, announce, tick, out);
        let reply = known.unwrap_or_else(|| {
            let announce = self.admitted(path, announce, now, tick);
            self.announce(path, &announce, tick, out)
        });
        self.tell();
        reply
    }

    /// Says how much is kept here, where it is limited.
    pub(super) fn tell(&mut self) {
        let held = Held { peers: self.peers.v4 + self.peers.v6, torrents: self.torrents() };
        if let Some(share) = &mut self.share {
            share.tell(held);
        }
    }

    /// What becomes of an announce that would bring in a peer.
    fn admitted(&mut self, path: &Path, announce: &Announce, now: Now, tick: Tick) -> Announce {
        let (Some(share), Change::Present { role, .. }) = (&self.share, announce.change) else { return *announce };
        let refused = Announce { change: Change::Unchanged { role }, ..*announce };
        // Before anybody gives way for nothing. That one who then finds no room has been counted does no harm.
        if !share.admit(&announce.peer, now) {
            return refused;
        }
        let own = self.find(path, announce.info_hash);
        let Some(lack) = share.lack(own.is_none()) else { return *announce };
        let victim = self.victim(path, own, lack);
        if let Some(victim) = victim {
            self.evict(victim, tick);
            return *announce;
        }
        self.share.as_ref().inspect(|share| share.refuse(lack));
        refused
    }

    /// A torrent that can give way, near where the newcomer's is or would be.
    fn victim(&mut self, path: &Path, own: Option<At>, lack: Lack) -> Option<At> {
        let mut without_peers = None;
        for at in near(&self.torrents, path.hash, path.dice).filter(|&at| Some(at) != own).take(MOST_LOOKED_AT) {
            self.touched += 1;
            let form = self.torrents.entry(at).form();
            if self.swarms.is_fresh_and_alone(&form) {
                return Some(at);
            }
            if lack == Lack::Torrents && matches!(form, Form::Empty(_)) {
                without_peers = without_peers.or(Some(at));
            }
        }
        without_peers
    }

    fn evict(&mut self, at: At, now: Tick) {
        let torrent = self.torrents.entry(at);
        let (info_hash, mut form) = (torrent.info_hash, torrent.form());
        let members = self.swarms.of(&form).members();
        self.swarms.clear(&mut form, info_hash, now);
        for family in Family::BOTH {
            self.peers[family] -= members[family];
        }
        self.torrents.remove(at);
        self.share.as_ref().inspect(|share| share.evict());
    }
}

/// Torrents of the page that one of this hash is in, beginning with its own bucket, and in each anywhere: else those that have just
/// come would go first.
fn near(torrents: &Table<Torrent>, hash: Hash, dice: Dice) -> impl Iterator<Item = At> {
    let page = hash.page(torrents.pages().len());
    let (buckets, home) = torrents.pages().get(page).map_or((0, 0), |page| {
        let buckets = page.buckets();
        (buckets, if buckets > 0 { hash.buckets(buckets)[0] } else { 0 })
    });
    let buckets = (home..buckets).chain(0..home);
    buckets.zip(iter::repeat(page)).flat_map(move |(bucket, page)| {
        let entries = torrents.pages()[page].bucket(bucket).len();
        let first = dice.below(entries.max(1));
        (first..entries).chain(0..first).map(move |entry| At { page, bucket, entry })
    })
}

/// Torrents looked at for one that can give way: those of two buckets or three. If one in fifty could, one is found nine times
/// of ten, and nobody can have the lock held for long by filling a store with torrents that cannot.
const MOST_LOOKED_AT: usize = 128;
