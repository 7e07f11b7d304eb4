//! The peers of one torrent and one family.

use hashbrown::HashTable;
use rand::Rng;
use siphasher::sip::SipHasher13;

use super::keyed_hash;
use super::peer::{Lifetime, Peer, Stamp, Tick};
use super::sample::sample;
use crate::storage::Role;

/// Peers in one packed array, downloaders first: what seeders are offered is a prefix, what downloaders are offered is all.
///
/// A small swarm is searched by reading it through; a larger one keeps an index of positions beside the array.
#[derive(Debug, Default)]
pub(super) struct Swarm<const N: usize> {
    peers: Vec<Peer<N>>,
    downloaders: u32,
    seeders: u32,
    index: Option<Box<HashTable<u32>>>,
}

impl<const N: usize> Swarm<N> {
    pub(super) fn len(&self) -> u32 {
        position(self.peers.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    pub(super) fn seeders(&self) -> u32 {
        self.seeders
    }

    pub(super) fn downloaders(&self) -> u32 {
        self.downloaders
    }

    /// Inserts or renews a peer. Returns where it is, and whether this completed a download that had not been counted.
    pub(super) fn upsert(
        &mut self,
        endpoint: [u8; N],
        tick: Tick,
        role: Role,
        completed: bool,
        hasher: SipHasher13,
    ) -> (usize, bool) {
        if let Some(at) = self.find(&endpoint, hasher) {
            let old = self.peers[at].stamp();
            let counts = completed && role == Role::Seeder && !old.settled();
            self.peers[at].restamp(Stamp::new(tick, role, old.settled() || counts));
            (self.change_role(at, old.role(), role, hasher), counts)
        } else {
            // One that begins as a seeder has nothing left to complete.
            let seeder = role == Role::Seeder;
            let at = self.insert(Peer::new(endpoint, Stamp::new(tick, role, seeder)), hasher);
            (at, seeder && completed)
        }
    }

    /// Where the peer of this endpoint is.
    pub(super) fn find(&self, endpoint: &[u8; N], hasher: SipHasher13) -> Option<usize> {
        match &self.index {
            None => self.peers.iter().position(|peer| peer.endpoint == *endpoint),
            Some(index) => index
                .find(keyed_hash(hasher, endpoint), |&at| self.peers[at as usize].endpoint == *endpoint)
                .map(|&at| at as usize),
        }
    }

    /// Removes the peer at a position; the last ones of its zone and of the array take the gaps.
    pub(super) fn remove(&mut self, at: usize, hasher: SipHasher13) {
        let role = self.peers[at].stamp().role();
        let at = if role == Role::Downloader { self.leave_downloaders(at, hasher) } else { at };
        self.seeders -= u32::from(role == Role::Seeder);
        let last = self.peers.len() - 1;
        self.swap(at, last, hasher);
        if let Some(index) = &mut self.index {
            let hash = keyed_hash(hasher, &self.peers[last].endpoint);
            index.find_entry(hash, |&at| at as usize == last).expect("every peer is in the index").remove();
        }
        self.peers.pop();
        if self.peers.len() * 4 <= self.peers.capacity() {
            self.shrink(hasher);
        }
    }

    /// Removes every peer that has outlived its lifetime.
    pub(super) fn sweep(&mut self, lifetime: Lifetime, now: Tick, hasher: SipHasher13) {
        // From the end, so that a gap is filled by a peer that has been looked at.
        for at in (0..self.peers.len()).rev() {
            if self.peers.get(at).is_some_and(|peer| lifetime.is_over(peer.stamp().tick(), now)) {
                self.remove(at, hasher);
            }
        }
    }

    /// How many peers one of this role may be offered, given where it stands itself.
    pub(super) fn available(&self, role: Role, own: Option<usize>) -> u32 {
        let zone = self.zone(role);
        position(zone) - u32::from(own.is_some_and(|own| own < zone))
    }

    /// Appends up to `want` peers for one of this role, never itself.
    pub(super) fn sample(&self, role: Role, own: Option<usize>, want: u32, rng: &mut impl Rng, out: &mut Vec<u8>) {
        let zone = self.zone(role);
        sample(&self.peers[..zone], own.filter(|&own| own < zone), want as usize, rng, out);
    }

    fn zone(&self, role: Role) -> usize {
        if role == Role::Downloader { self.peers.len() } else { self.downloaders as usize }
    }

    fn insert(&mut self, peer: Peer<N>, hasher: SipHasher13) -> usize {
        let at = self.peers.len();
        self.peers.push(peer);
        if at + 1 > UNINDEXED && self.index.is_none() {
            self.build_index(hasher);
        } else if let Some(index) = &mut self.index {
            let peers = &self.peers;
            let rehash = |&at: &u32| keyed_hash(hasher, &peers[at as usize].endpoint);
            index.insert_unique(keyed_hash(hasher, &peer.endpoint), position(at), rehash);
        }
        match peer.stamp().role() {
            Role::Downloader => self.join_downloaders(at, hasher),
            role => {
                self.seeders += u32::from(role == Role::Seeder);
                at
            }
        }
    }

    fn change_role(&mut self, at: usize, old: Role, new: Role, hasher: SipHasher13) -> usize {
        self.seeders -= u32::from(old == Role::Seeder);
        self.seeders += u32::from(new == Role::Seeder);
        match (old == Role::Downloader, new == Role::Downloader) {
            (true, false) => self.leave_downloaders(at, hasher),
            (false, true) => self.join_downloaders(at, hasher),
            _ => at,
        }
    }

    fn join_downloaders(&mut self, at: usize, hasher: SipHasher13) -> usize {
        let boundary = self.downloaders as usize;
        self.swap(at, boundary, hasher);
        self.downloaders += 1;
        boundary
    }

    fn leave_downloaders(&mut self, at: usize, hasher: SipHasher13) -> usize {
        self.downloaders -= 1;
        let boundary = self.downloaders as usize;
        self.swap(at, boundary, hasher);
        boundary
    }

    fn swap(&mut self, a: usize, b: usize, hasher: SipHasher13) {
        if a == b {
            return;
        }
        if let Some(index) = &mut self.index {
            // Both look-ups come before either write: afterwards two peers would claim one position.
            let hashes = [a, b].map(|at| keyed_hash(hasher, &self.peers[at].endpoint));
            *index.find_mut(hashes[0], |&at| at as usize == a).expect("every peer is in the index") = u32::MAX;
            *index.find_mut(hashes[1], |&at| at as usize == b).expect("every peer is in the index") = position(a);
            *index.find_mut(hashes[0], |&at| at == u32::MAX).expect("marked just above") = position(b);
        }
        self.peers.swap(a, b);
    }

    fn build_index(&mut self, hasher: SipHasher13) {
        let mut index = HashTable::with_capacity(self.peers.len());
        let hash = |at: usize| keyed_hash(hasher, &self.peers[at].endpoint);
        for at in 0..self.peers.len() {
            index.insert_unique(hash(at), position(at), |&at| hash(at as usize));
        }
        self.index = Some(Box::new(index));
    }

    /// Gives back memory that a shrunken swarm no longer needs.
    fn shrink(&mut self, hasher: SipHasher13) {
        self.peers.shrink_to(self.peers.len() * 2);
        if self.peers.len() <= UNINDEXED / 2 {
            self.index = None;
        } else if let Some(index) = &mut self.index {
            let peers = &self.peers;
            index.shrink_to(peers.len() * 2, |&at| keyed_hash(hasher, &peers[at as usize].endpoint));
        }
    }
}

/// Positions fit 32 bits: four billion peers of one swarm would not fit the address space of IPv4.
fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a swarm has fewer than 2^32 peers")
}

/// Peers up to which reading through a swarm beats looking up an index.
const UNINDEXED: usize = 64;
