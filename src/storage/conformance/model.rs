//! What a store must answer, worked out the plain way: ordered maps, walked from end to end.
//!
//! The model says of each request the exact counts, who is on offer and how many of them must be returned
//! ([`Expected`]); which of them is the store's choice. It shares the store's vocabulary and none of its code.
//!
//! # Expiry
//!
//! A store keeps a peer at least for its lifetime, and forgets it "soon, though not at once". So the model knows three
//! ages: certainly there, up to the lifetime; certainly gone, once the slack has passed too and a whole pass of sweeps
//! has run since; and *in doubt* between the two. Doubt is not reasoned about. Whoever drives the model asks it for the
//! torrents [in doubt](Model::is_in_doubt), looks at the store, and [tells](Model::learn) the model what is there.
//! With the doubts gone, everything is exact again. The memory of an emptied torrent's completed downloads ends alike.

use std::collections::{BTreeMap, BTreeSet};

use crate::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};
use crate::storage::{Announce, Batch, Change, Reply, Request, Role, SWEEPS_PER_PASS, Scrape, Totals, Want};

/// Seconds since the model's beginning: a number that never wraps.
pub type Seconds = u64;

/// When a store forgets.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a peer is kept after its last announce, and completed downloads after the last peer.
    pub lifetime: Seconds,
    /// How long after that a sweep may still leave it.
    pub slack: Seconds,
    /// Sweeps that pass over the whole store.
    pub sweeps_per_pass: usize,
}

impl Rules {
    /// Those every store keeps: what is forgotten within a tenth of the lifetime and two seconds is forgotten soon.
    pub fn of_any(lifetime: Seconds) -> Self {
        Self { lifetime, slack: lifetime / 10 + 2, sweeps_per_pass: SWEEPS_PER_PASS }
    }

    /// Those of any store, as far as whole seconds of a clock that runs beside its own can tell.
    pub(super) fn in_real_time(lifetime: Seconds) -> Self {
        let Self { slack, sweeps_per_pass, .. } = Self::of_any(lifetime);
        Self { lifetime: lifetime.saturating_sub(2), slack: slack + 3, sweeps_per_pass }
    }

    /// Those of the memory store: it rounds a lifetime by less than a 512th, and by a second or two.
    pub fn memory(lifetime: Seconds) -> Self {
        Self { lifetime, slack: lifetime / 512 + 2, sweeps_per_pass: SWEEPS_PER_PASS }
    }
}

/// Every torrent, every peer.
#[derive(Clone, Debug)]
pub struct Model {
    rules: Rules,
    torrents: BTreeMap<InfoHash, Torrent>,
}

#[derive(Clone, Debug, Default)]
struct Torrent {
    completed: u32,
    peers: BTreeMap<Endpoint, Peer>,
    /// Where no peer is left: since when.
    emptied: Option<Emptied>,
}

#[derive(Clone, Debug)]
struct Peer {
    role: Role,
    /// A completion has been counted for it, or it began as a seeder.
    settled: bool,
    announced: Seconds,
    /// Sweeps since it was certainly too old.
    missed_sweeps: usize,
}

/// When a torrent's last peer went. Of one that expired, only the span is known.
#[derive(Clone, Debug)]
struct Emptied {
    earliest: Seconds,
    latest: Seconds,
    /// Sweeps since the torrent was certainly to be forgotten.
    missed_sweeps: usize,
}

impl Model {
    /// An empty store.
    pub fn new(rules: Rules) -> Self {
        Self { rules, torrents: BTreeMap::new() }
    }

    /// Applies a request, and says what the store must reply. Its torrent must not be in doubt.
    pub fn apply(&mut self, at: Seconds, request: &Request) -> Expected {
        match request {
            Request::Announce(announce) => self.announce(at, announce),
            Request::Scrape(scrape) => Expected::Scrape { counts: self.scrape(scrape) },
        }
    }

    /// One call of the store's `sweep`.
    pub fn sweep(&mut self, at: Seconds) {
        for torrent in self.torrents.values_mut() {
            torrent.sweep(at, self.rules);
        }
        self.drop_forgotten();
    }

    /// Whether the store may or may not have forgotten something of this torrent.
    pub fn is_in_doubt(&self, at: Seconds, info_hash: InfoHash) -> bool {
        self.torrents.get(&info_hash).is_some_and(|torrent| torrent.is_in_doubt(at, self.rules))
    }

    /// Settles a torrent's doubts by what the store shows of it: its peers, and its count of completed downloads.
    ///
    /// # Errors
    ///
    /// When the store shows what it cannot know, or has forgotten what it must know.
    pub fn learn(
        &mut self,
        at: Seconds,
        info_hash: InfoHash,
        seen: &BTreeSet<Endpoint>,
        completed: u32,
    ) -> Result<(), Mismatch> {
        if let Some(torrent) = self.torrents.get_mut(&info_hash) {
            torrent.learn(at, self.rules, seen, completed)?;
            self.drop_forgotten();
        }
        Ok(())
    }

    /// What the store holds, if no torrent is in doubt; not what has come and gone.
    pub fn totals(&self) -> Totals {
        let all = |count: &dyn Fn(&Torrent, Family) -> u64| {
            let sum = |family| self.torrents.values().map(|torrent| count(torrent, family)).sum();
            Some(PerFamily { v4: sum(Family::V4), v6: sum(Family::V6) })
        };
        Totals {
            torrents: Some(self.torrents.len() as u64),
            peers: all(&|torrent, family| torrent.members(family).count() as u64),
            seeders: all(&|torrent, family| torrent.counts(family).seeders.into()),
            ..Totals::default()
        }
    }

    fn announce(&mut self, at: Seconds, announce: &Announce) -> Expected {
        let requester = announce.peer;
        match announce.change {
            Change::Present { role, completed } => {
                self.torrents.entry(announce.info_hash).or_default().put(at, requester, role, completed);
            }
            Change::Absent => {
                if let Some(torrent) = self.torrents.get_mut(&announce.info_hash) {
                    torrent.remove(at, requester);
                }
            }
            Change::Unchanged { .. } => {}
        }
        self.drop_forgotten();
        let unknown = Torrent::default();
        let torrent = self.torrents.get(&announce.info_hash).unwrap_or(&unknown);
        let on_offer = match announce.change {
            Change::Present { role, .. } | Change::Unchanged { role } if announce.want.peers > 0 => {
                torrent.on_offer(requester, role)
            }
            _ => PerFamily::default(),
        };
        let available = PerFamily { v4: on_offer.v4.len(), v6: on_offer.v6.len() };
        let number = shares(announce.want, requester.family(), available);
        Expected::Announce { counts: torrent.counts(requester.family()), on_offer, number }
    }

    fn scrape(&self, scrape: &Scrape) -> Counts {
        self.torrents.get(&scrape.info_hash).map(|torrent| torrent.counts(scrape.family)).unwrap_or_default()
    }

    /// Nothing is left to tell of a torrent without peers and without completed downloads.
    fn drop_forgotten(&mut self) {
        self.torrents.retain(|_, torrent| !torrent.peers.is_empty() || torrent.completed > 0);
    }
}

impl Torrent {
    fn put(&mut self, at: Seconds, endpoint: Endpoint, role: Role, completed: bool) {
        let completes = completed && role == Role::Seeder;
        let known = self.peers.get(&endpoint);
        let counts = completes && known.is_none_or(|peer| !peer.settled);
        let began_as_seeder = known.is_none() && role == Role::Seeder;
        let settled = known.is_some_and(|peer| peer.settled) || counts || began_as_seeder;
        self.completed += u32::from(counts);
        self.peers.insert(endpoint, Peer { role, settled, announced: at, missed_sweeps: 0 });
        self.emptied = None;
    }

    fn remove(&mut self, at: Seconds, endpoint: Endpoint) {
        if self.peers.remove(&endpoint).is_some() && self.peers.is_empty() {
            self.emptied = Some(Emptied { earliest: at, latest: at, missed_sweeps: 0 });
        }
    }

    fn sweep(&mut self, at: Seconds, rules: Rules) {
        for peer in self.peers.values_mut() {
            peer.missed_sweeps += usize::from(at > peer.announced + rules.lifetime + rules.slack);
        }
        self.expire(at, rules, |_, peer| peer.missed_sweeps < rules.sweeps_per_pass);
        if let Some(emptied) = &mut self.emptied {
            emptied.missed_sweeps += usize::from(at > emptied.latest + rules.lifetime + rules.slack);
            if emptied.missed_sweeps >= rules.sweeps_per_pass {
                self.completed = 0;
            }
        }
    }

    fn is_in_doubt(&self, at: Seconds, rules: Rules) -> bool {
        let forgotten = self.emptied.as_ref().is_some_and(|emptied| at > emptied.earliest + rules.lifetime);
        forgotten || self.peers.values().any(|peer| peer.may_be_gone(at, rules))
    }

    fn learn(&mut self, at: Seconds, rules: Rules, seen: &BTreeSet<Endpoint>, completed: u32) -> Result<(), Mismatch> {
        let lost = |(endpoint, peer): &(&Endpoint, &Peer)| !seen.contains(endpoint) && !peer.may_be_gone(at, rules);
        if let Some((endpoint, peer)) = self.peers.iter().find(lost) {
            let age = at.saturating_sub(peer.announced);
            return Err(Mismatch(format!("{endpoint} is gone after {age} s of {}", rules.lifetime)));
        }
        self.expire(at, rules, |endpoint, _| seen.contains(endpoint));
        if completed == 0 && self.emptied.as_ref().is_some_and(|emptied| at > emptied.earliest + rules.lifetime) {
            self.completed = 0;
        }
        Ok(())
    }

    /// Removes the peers that are not kept; they went some time after their lifetime.
    fn expire(&mut self, at: Seconds, rules: Rules, keep: impl Fn(&Endpoint, &Peer) -> bool) {
        let gone = self.peers.iter().filter(|(endpoint, peer)| !keep(endpoint, peer));
        let Some(youngest) = gone.map(|(_, peer)| peer.announced).max() else {
            return;
        };
        self.peers.retain(|endpoint, peer| keep(endpoint, peer));
        if self.peers.is_empty() {
            self.emptied = Some(Emptied { earliest: youngest + rules.lifetime, latest: at, missed_sweeps: 0 });
        }
    }

    fn members(&self, family: Family) -> impl Iterator<Item = &Peer> {
        self.peers.iter().filter(move |(endpoint, _)| endpoint.family() == family).map(|(_, peer)| peer)
    }

    fn counts(&self, family: Family) -> Counts {
        let mut counts = Counts { completed: self.completed, ..Counts::default() };
        for peer in self.members(family) {
            counts.seeders += u32::from(peer.role == Role::Seeder);
            counts.leechers += u32::from(peer.role != Role::Seeder);
            counts.downloaders += u32::from(peer.role == Role::Downloader);
        }
        counts
    }

    /// Downloaders may have anyone; those who want nothing more may have those who do.
    fn on_offer(&self, requester: Endpoint, role: Role) -> PerFamily<BTreeSet<Endpoint>> {
        let mut on_offer = PerFamily::<BTreeSet<Endpoint>>::default();
        for (&endpoint, peer) in &self.peers {
            if endpoint != requester && (role == Role::Downloader || peer.role == Role::Downloader) {
                on_offer[endpoint.family()].insert(endpoint);
            }
        }
        on_offer
    }
}

impl Peer {
    fn may_be_gone(&self, at: Seconds, rules: Rules) -> bool {
        at > self.announced + rules.lifetime
    }
}

/// Deals out the wanted places one by one: half of them to the other family, then the requester's own, then the other's.
fn shares(want: Want, own: Family, available: PerFamily<usize>) -> PerFamily<usize> {
    let other = own.other();
    let mut share = PerFamily::default();
    for _ in 0..want.peers {
        if want.both_families && share[other] < available[other].min(want.peers as usize / 2) {
            share[other] += 1;
        } else if share[own] < available[own] {
            share[own] += 1;
        } else if want.both_families && share[other] < available[other] {
            share[other] += 1;
        } else {
            break;
        }
    }
    share
}

/// What a store must reply to one request.
#[derive(Clone, Debug)]
pub enum Expected {
    /// An announce was applied.
    Announce {
        /// The announcer's family's swarm after the change.
        counts: Counts,
        /// Who may be returned.
        on_offer: PerFamily<BTreeSet<Endpoint>>,
        /// How many of them must be.
        number: PerFamily<usize>,
    },
    /// A scrape was answered.
    Scrape {
        /// The swarm asked for.
        counts: Counts,
    },
}

impl Expected {
    /// Compares a reply, whose peers lie in `batch`, with what was expected.
    ///
    /// # Errors
    ///
    /// When they differ in anything that is not the store's own choice.
    pub fn check(&self, reply: Reply, batch: &Batch) -> Result<(), Mismatch> {
        match (self, reply) {
            (Self::Announce { counts, on_offer, number }, Reply::Announce { counts: replied, peers }) => {
                equal("counts", &replied, counts)?;
                for family in Family::BOTH {
                    check_peers(family, batch.compact(peers[family]), &on_offer[family], number[family])?;
                }
                Ok(())
            }
            (Self::Scrape { counts }, Reply::Scrape { counts: replied }) => equal("counts", &replied, counts),
            (_, reply) => Err(Mismatch(format!("{reply:?} is no reply to this request"))),
        }
    }
}

fn check_peers(family: Family, compact: &[u8], on_offer: &BTreeSet<Endpoint>, number: usize) -> Result<(), Mismatch> {
    equal("bytes of peers", &compact.len(), &(number * family.peer_length()))?;
    let distinct: BTreeSet<_> = Endpoint::list(family, compact).collect();
    equal("distinct peers", &distinct.len(), &number)?;
    distinct.iter().find(|peer| !on_offer.contains(peer)).map_or(Ok(()), |stranger| {
        Err(Mismatch(format!("{stranger} is not on offer: it is the requester, of the wrong role, or not there")))
    })
}

/// Fails unless the store's value is the model's.
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, store: &T, model: &T) -> Result<(), Mismatch> {
    if store == model {
        return Ok(());
    }
    Err(Mismatch(format!("{what}: the store says {store:?}, the model {model:?}")))
}

/// Where a store departs from the model.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(pub String);
