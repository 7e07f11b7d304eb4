//! One shard: a table of torrents, to be used under its lock.

use hashbrown::HashTable;
use rand::Rng;
use siphasher::sip::SipHasher13;

use super::keyed_hash;
use super::peer::{Lifetime, Tick};
use super::swarm::Swarm;
use crate::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};
use crate::storage::{Announce, Change, Reply, Role, Scrape, Span};

/// The torrents whose hash falls to this shard.
#[derive(Debug)]
pub(super) struct Shard {
    torrents: HashTable<Torrent>,
    peers: PerFamily<u64>,
    hasher: SipHasher13,
}

impl Shard {
    pub(super) fn new(hasher: SipHasher13) -> Self {
        Self { torrents: HashTable::new(), peers: PerFamily::default(), hasher }
    }

    /// Torrents kept here.
    pub(super) fn torrents(&self) -> u64 {
        self.torrents.len() as u64
    }

    /// Peers kept here.
    pub(super) fn peers(&self) -> PerFamily<u64> {
        self.peers
    }

    /// Applies an announce to the torrent that hashes to `hash`.
    pub(super) fn announce(
        &mut self,
        hash: u64,
        announce: &Announce,
        now: Tick,
        rng: &mut impl Rng,
        out: &mut Vec<u8>,
    ) -> Reply {
        let family = announce.peer.family();
        let hasher = self.hasher;
        let Some(torrent) = self.torrent(hash, announce) else {
            return Reply::Announce { counts: Counts::default(), peers: PerFamily::default() };
        };
        let before = torrent.members()[family];
        let own = torrent.change(announce, now, hasher);
        let reply = Reply::Announce {
            counts: torrent.counts(family),
            peers: match announce.change {
                Change::Absent => PerFamily::default(),
                Change::Present { role, .. } | Change::Unchanged { role } => {
                    torrent.choose(announce, role, own, rng, out)
                }
            },
        };
        let after = torrent.members()[family];
        let forgettable = torrent.is_forgettable();
        self.peers[family] = self.peers[family] + u64::from(after) - u64::from(before);
        if forgettable {
            self.forget(hash, announce.info_hash);
        }
        reply
    }

    /// Counts of one family's swarm; zeros for an unknown torrent.
    pub(super) fn counts(&self, hash: u64, scrape: &Scrape) -> Counts {
        let torrent = self.torrents.find(hash, |torrent| torrent.info_hash == scrape.info_hash);
        torrent.map_or_else(Counts::default, |torrent| torrent.counts(scrape.family))
    }

    /// Removes expired peers, and torrents of which nothing is left to tell.
    pub(super) fn sweep(&mut self, lifetime: Lifetime, now: Tick) {
        let Self { torrents, peers, hasher } = self;
        torrents.retain(|torrent| {
            let before = torrent.members();
            torrent.sweep(lifetime, now, *hasher);
            let after = torrent.members();
            for family in Family::BOTH {
                peers[family] -= u64::from(before[family] - after[family]);
            }
            !torrent.is_forgettable()
        });
        if torrents.len() * 4 <= torrents.capacity() {
            torrents.shrink_to(torrents.len() * 2, |torrent| keyed_hash(*hasher, &torrent.info_hash.0));
        }
    }

    /// The announce's torrent, new if the announce brings a peer.
    fn torrent(&mut self, hash: u64, announce: &Announce) -> Option<&mut Torrent> {
        let same = |torrent: &Torrent| torrent.info_hash == announce.info_hash;
        if !matches!(announce.change, Change::Present { .. }) {
            return self.torrents.find_mut(hash, same);
        }
        let rehash = |torrent: &Torrent| keyed_hash(self.hasher, &torrent.info_hash.0);
        let entry = self.torrents.entry(hash, same, rehash);
        Some(entry.or_insert_with(|| Torrent::new(announce.info_hash)).into_mut())
    }

    fn forget(&mut self, hash: u64, info_hash: InfoHash) {
        if let Ok(entry) = self.torrents.find_entry(hash, |torrent| torrent.info_hash == info_hash) {
            entry.remove();
        }
    }
}

/// One torrent: a swarm of each family and what both have completed.
#[derive(Debug)]
struct Torrent {
    info_hash: InfoHash,
    completed: u32,
    /// When its last peer left; read only while it has none.
    emptied: Tick,
    v4: Swarm<6>,
    v6: Swarm<18>,
}

impl Torrent {
    fn new(info_hash: InfoHash) -> Self {
        Self { info_hash, completed: 0, emptied: Tick::default(), v4: Swarm::default(), v6: Swarm::default() }
    }

    /// Applies the change to the announcer's own swarm and returns where the announcer now stands in it.
    fn change(&mut self, announce: &Announce, now: Tick, hasher: SipHasher13) -> Option<usize> {
        let had_peers = !self.is_empty();
        let (own, completed) = match announce.peer {
            Endpoint::V4(endpoint) => change(&mut self.v4, endpoint, announce.change, now, hasher),
            Endpoint::V6(endpoint) => change(&mut self.v6, endpoint, announce.change, now, hasher),
        };
        self.completed = self.completed.saturating_add(completed.into());
        if had_peers && self.is_empty() {
            self.emptied = now;
        }
        own
    }

    /// Appends the peers the announcer is to get to `out`.
    fn choose(
        &self,
        announce: &Announce,
        role: Role,
        own: Option<usize>,
        rng: &mut impl Rng,
        out: &mut Vec<u8>,
    ) -> PerFamily<Span> {
        let family = announce.peer.family();
        let own = PerFamily { v4: own.filter(|_| family == Family::V4), v6: own.filter(|_| family == Family::V6) };
        let available = PerFamily { v4: self.v4.available(role, own.v4), v6: self.v6.available(role, own.v6) };
        let share = announce.want.split(family, available);
        let start = offset(out);
        self.v4.sample(role, own.v4, share.v4, rng, out);
        let middle = offset(out);
        self.v6.sample(role, own.v6, share.v6, rng, out);
        PerFamily { v4: Span { start, end: middle }, v6: Span { start: middle, end: offset(out) } }
    }

    fn counts(&self, family: Family) -> Counts {
        let (members, seeders, downloaders) = match family {
            Family::V4 => (self.v4.len(), self.v4.seeders(), self.v4.downloaders()),
            Family::V6 => (self.v6.len(), self.v6.seeders(), self.v6.downloaders()),
        };
        Counts { seeders, leechers: members - seeders, downloaders, completed: self.completed }
    }

    fn members(&self) -> PerFamily<u32> {
        PerFamily { v4: self.v4.len(), v6: self.v6.len() }
    }

    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Whether forgetting it would lose nothing: no peer, and no completed download that might still be asked for.
    fn is_forgettable(&self) -> bool {
        self.is_empty() && self.completed == 0
    }

    /// Removes expired peers; an empty torrent's completed downloads are remembered for a peer's lifetime.
    fn sweep(&mut self, lifetime: Lifetime, now: Tick, hasher: SipHasher13) {
        if self.is_empty() {
            if lifetime.is_over(self.emptied, now) {
                self.completed = 0;
            }
            return;
        }
        self.v4.sweep(lifetime, now, hasher);
        self.v6.sweep(lifetime, now, hasher);
        if self.is_empty() {
            self.emptied = now;
        }
    }
}

fn change<const N: usize>(
    swarm: &mut Swarm<N>,
    endpoint: [u8; N],
    change: Change,
    now: Tick,
    hasher: SipHasher13,
) -> (Option<usize>, bool) {
    match change {
        Change::Present { role, completed } => {
            let (own, counts) = swarm.upsert(endpoint, now, role, completed, hasher);
            (Some(own), counts)
        }
        Change::Absent => {
            if let Some(own) = swarm.find(&endpoint, hasher) {
                swarm.remove(own, hasher);
            }
            (None, false)
        }
        Change::Unchanged { .. } => (swarm.find(&endpoint, hasher), false),
    }
}

/// Spans fit 32 bits: a batch has some thousand entries of at most some kilobytes.
fn offset(out: &[u8]) -> u32 {
    u32::try_from(out.len()).expect("a batch's peers are far below 4 GiB")
}
