//! Whom a limited store takes in, and who gives way to them.
//!
//! Only newcomers are ever asked: a peer that is known is renewed as in a store without limits, at the same cost. In a full store
//! they get the place of a torrent that is nearly nothing: one with a single peer that has not been renewed, which is all that
//! invented torrents are; or, where it is torrents that there is no room for, one without peers that is kept for its count. The
//! victim is near the newcomer in their table, so that looking for it is short and under the lock that is held anyway. A
//! torrent of two peers, and one that has been announced again, are never touched.

use std::iter;

use super::form::{Form, Torrent};
use super::key::Hash;
use super::peer::{Moment, Tick};
use super::room::{Beyond, Held};
use super::shard::{Path, Shard};
use super::table::{At, Table};
use super::walk::Dice;
use crate::bittorrent::Family;
use crate::clock::Now;
use crate::storage::Announce;

impl Shard {
    /// Whether a peer that is not known may come in. Another may give way to it.
    pub(super) fn admit(&mut self, path: &Path, announce: &Announce, now: Moment) -> Result<(), Beyond> {
        let own = self.find(path, announce.info_hash);
        let verdict = self.is_beyond(path, own, announce, now.now);
        let verdict = verdict.map_or(Ok(()), |beyond| self.make_room(path, own, beyond, now.tick));
        verdict.inspect_err(|&beyond| self.share.refuse(beyond))
    }

    /// The limit that it would exceed.
    fn is_beyond(&self, path: &Path, own: Option<At>, announce: &Announce, now: Now) -> Option<Beyond> {
        let ports = self.swarms.key.ports();
        let form = own.map(|at| self.torrents.entry(at).form());
        if ports.are_limited() && form.is_some_and(|form| self.swarms.grouped(&form, announce) >= ports.most()) {
            return Some(Beyond::Ports);
        }
        // Counted before anybody gives way for nothing; one who then finds no room has been counted too, and that does no harm.
        if !self.share.admits(&announce.peer, now) {
            return Some(Beyond::Network);
        }
        // Who gives way to whom betrays what is in one page. Nobody shall fill one with torrents that were chosen by that.
        let chosen = own.is_none() && self.torrents.is_skewed_for(path.hash);
        if chosen { Some(Beyond::Place) } else { self.share.lack(own.is_none()) }
    }

    /// Has a torrent give way, where that helps.
    fn make_room(&mut self, path: &Path, own: Option<At>, beyond: Beyond, tick: Tick) -> Result<(), Beyond> {
        let helps = matches!(beyond, Beyond::Peers | Beyond::Torrents | Beyond::Place);
        let victim = helps.then(|| self.victim(path, own, beyond)).flatten().ok_or(beyond)?;
        self.evict(victim, tick);
        Ok(())
    }

    /// Says how much is kept here, where that is limited.
    pub(super) fn tell(&mut self) {
        let held = Held { peers: self.peers.v4 + self.peers.v6, torrents: self.torrents() };
        self.share.tell(held);
    }

    /// A torrent that can give way, near where the newcomer's is or would be.
    fn victim(&mut self, path: &Path, own: Option<At>, beyond: Beyond) -> Option<At> {
        let mut without_peers = None;
        for at in near(&self.torrents, path.hash, path.dice).filter(|&at| Some(at) != own).take(MOST_LOOKED_AT) {
            self.touched += 1;
            let form = self.torrents.entry(at).form();
            if self.swarms.is_fresh_and_alone(&form) {
                return Some(at);
            }
            if beyond != Beyond::Peers && matches!(form, Form::Empty(_)) {
                without_peers = without_peers.or(Some(at));
            }
        }
        without_peers
    }

    fn evict(&mut self, at: At, now: Tick) {
        let torrent = self.torrents.entry(at);
        let (info_hash, mut form) = (torrent.info_hash, torrent.form());
        let swarms = self.swarms.of(&form);
        let (members, seeders) = (swarms.members(), swarms.seeders());
        self.swarms.clear(&mut form, info_hash, now);
        for family in Family::BOTH {
            self.peers[family] -= members[family];
            self.seeders[family] -= seeders[family];
        }
        self.torrents.remove(at);
        self.share.evict();
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
