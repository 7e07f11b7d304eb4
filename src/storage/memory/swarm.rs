//! One family's swarm of one torrent, read alike in whatever form it is kept.

use super::crowd::{Crowd, Seat};
use super::key::{Hash, Key};
use super::packed::Packed;
use super::peer::Peer;
use super::ports::network;
use super::sample::sample;
use super::table::At;
use super::walk::Dice;
use crate::bittorrent::{Counts, Family, PerFamily};
use crate::storage::{Announce, Change, Reply, Role, Span};

/// The peers of one family.
#[derive(Clone, Copy)]
pub(super) enum Swarm<'a, const N: usize> {
    /// Few of them, or none.
    Packed(Packed<'a, N>),
    /// Many, or few beside many of the other family.
    Crowd(&'a Crowd<N>),
}

/// Both families' swarms of one torrent.
#[derive(Clone, Copy)]
pub(super) struct Dual<'a> {
    pub(super) v4: Swarm<'a, 6>,
    pub(super) v6: Swarm<'a, 18>,
}

/// Where a peer is in its swarm, until the swarm changes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Own {
    /// At this position.
    Packed(usize),
    /// In this seat.
    Crowd(Seat),
}

impl Dual<'_> {
    /// What an announce is answered, and its peers' compact bytes at the end of `out`.
    #[inline(always)]
    pub(super) fn reply(
        self,
        announce: &Announce,
        own: Option<Own>,
        completed: u32,
        dice: Dice,
        out: &mut Vec<u8>,
    ) -> Reply {
        let counts = self.counts(announce.peer.family(), completed);
        let peers = role(announce.change).map(|role| self.choose(announce, role, own, dice, out)).unwrap_or_default();
        Reply::Announce { counts, peers }
    }

    pub(super) fn counts(self, family: Family, completed: u32) -> Counts {
        match family {
            Family::V4 => self.v4.counts(completed),
            Family::V6 => self.v6.counts(completed),
        }
    }

    pub(super) fn seeders(self) -> PerFamily<u64> {
        PerFamily { v4: self.v4.seeders() as u64, v6: self.v6.seeders() as u64 }
    }

    pub(super) fn members(self) -> PerFamily<u64> {
        PerFamily { v4: self.v4.len() as u64, v6: self.v6.len() as u64 }
    }

    #[inline(always)]
    fn choose(
        self,
        announce: &Announce,
        role: Role,
        own: Option<Own>,
        dice: Dice,
        out: &mut Vec<u8>,
    ) -> PerFamily<Span> {
        let family = announce.peer.family();
        if !announce.want.both_families {
            let (start, want) = (offset(out), announce.want.peers);
            match family {
                Family::V4 => self.v4.sample(role, own, want, dice, out),
                Family::V6 => self.v6.sample(role, own, want, dice, out),
            }
            let mut peers = PerFamily::default();
            peers[family] = Span { start, end: offset(out) };
            return peers;
        }
        let own = PerFamily { v4: own.filter(|_| family == Family::V4), v6: own.filter(|_| family == Family::V6) };
        let available = PerFamily { v4: self.v4.available(role, own.v4), v6: self.v6.available(role, own.v6) };
        let share = announce.want.split(family, available);
        let start = offset(out);
        self.v4.sample(role, own.v4, share.v4, dice, out);
        let middle = offset(out);
        self.v6.sample(role, own.v6, share.v6, dice, out);
        PerFamily { v4: Span { start, end: middle }, v6: Span { start: middle, end: offset(out) } }
    }

    /// Has the processor fetch small swarms.
    pub(super) fn prefetch_packed(self) {
        if let Swarm::Packed(packed) = self.v4 {
            packed.prefetch();
        }
        if let Swarm::Packed(packed) = self.v6 {
            packed.prefetch();
        }
    }

    /// Has it fetch what finds the announcer in a crowd, and what it will most likely be given of it.
    pub(super) fn prefetch_crowd(self, announce: &Announce, hash: Hash, dice: Dice) {
        let role = role(announce.change).unwrap_or(Role::Downloader);
        match (announce.peer.family(), self) {
            (Family::V4, Self { v4: Swarm::Crowd(crowd), .. }) => crowd.prefetch(hash, role, announce.want, dice),
            (Family::V6, Self { v6: Swarm::Crowd(crowd), .. }) => crowd.prefetch(hash, role, announce.want, dice),
            _ => {}
        }
    }

    /// Has it fetch the announcer's own entry in a crowd. Says where that seems to be.
    pub(super) fn prefetch_own(self, announce: &Announce, hash: Hash) -> Option<At> {
        let role = role(announce.change).unwrap_or(Role::Downloader);
        match (announce.peer.family(), self) {
            (Family::V4, Self { v4: Swarm::Crowd(crowd), .. }) => crowd.prefetch_own(hash, role),
            (Family::V6, Self { v6: Swarm::Crowd(crowd), .. }) => crowd.prefetch_own(hash, role),
            _ => None,
        }
    }
}

/// As what an announcer is to be offered peers, unless it leaves.
fn role(change: Change) -> Option<Role> {
    match change {
        Change::Present { role, .. } | Change::Unchanged { role } => Some(role),
        Change::Absent => None,
    }
}

/// Spans fit 32 bits: a batch has some thousand entries of at most some kilobytes.
fn offset(out: &[u8]) -> u32 {
    u32::try_from(out.len()).expect("a batch's peers are far below 4 GiB")
}

impl<const N: usize> Swarm<'_, N> {
    pub(super) fn len(self) -> usize {
        match self {
            Self::Packed(packed) => packed.peers.len(),
            Self::Crowd(crowd) => crowd.len(),
        }
    }

    /// How many peers are of this one's group of ports.
    pub(super) fn grouped(self, endpoint: &[u8; N], key: &Key) -> usize {
        let group = key.ports().group(endpoint);
        // Few are of one address, and most need not be looked at any closer.
        let same =
            |peer: &Peer<N>| network(&peer.endpoint) == network(endpoint) && key.ports().group(&peer.endpoint) == group;
        match self {
            Self::Packed(packed) => packed.peers.iter().filter(|peer| same(peer)).count(),
            Self::Crowd(crowd) => crowd.count(key.endpoint(endpoint), same),
        }
    }

    fn seeders(self) -> usize {
        match self {
            Self::Packed(packed) => packed.seeders(),
            Self::Crowd(crowd) => crowd.seeders,
        }
    }

    pub(super) fn counts(self, completed: u32) -> Counts {
        let seeders = self.seeders();
        let downloaders = match self {
            Self::Packed(packed) => packed.downloaders,
            Self::Crowd(crowd) => crowd.downloaders.len(),
        };
        let leechers = number(self.len() - seeders);
        Counts { seeders: number(seeders), leechers, downloaders: number(downloaders), completed }
    }

    /// How many peers one of this role may be offered, given where it is itself.
    pub(super) fn available(self, role: Role, own: Option<Own>) -> u32 {
        number(match self {
            Self::Packed(packed) => {
                let zone = packed.zone(role).len();
                zone - usize::from(position(own).is_some_and(|own| own < zone))
            }
            Self::Crowd(crowd) => crowd.available(role, seat(own)),
        })
    }

    /// Appends the compact bytes of up to `want` peers for one of this role, never its own.
    pub(super) fn sample(self, role: Role, own: Option<Own>, want: u32, dice: Dice, out: &mut Vec<u8>) {
        match self {
            Self::Packed(packed) => {
                let zone = packed.zone(role);
                sample(zone, position(own).filter(|&own| own < zone.len()), want as usize, dice, out);
            }
            Self::Crowd(crowd) => crowd.sample(role, seat(own), want as usize, dice, out),
        }
    }
}

fn position(own: Option<Own>) -> Option<usize> {
    own.and_then(|own| if let Own::Packed(at) = own { Some(at) } else { None })
}

fn seat(own: Option<Own>) -> Option<Seat> {
    own.and_then(|own| if let Own::Crowd(seat) = own { Some(seat) } else { None })
}

/// Counts fit 32 bits: four billion peers of one swarm would not fit the address space of IPv4.
fn number(count: usize) -> u32 {
    u32::try_from(count).expect("a swarm has fewer than 2^32 peers")
}
