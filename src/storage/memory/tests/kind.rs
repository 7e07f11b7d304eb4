//! The kinds of entries, made alike for tests: a number that an entry is found by, and a value that it carries.

use std::array;

use super::super::bucket::Entry;
use super::super::form::Torrent;
use super::super::peer::{Peer, Stamp, Tick};
use crate::bittorrent::InfoHash;
use crate::storage::Role;

/// An entry that tests can make and read.
pub(in crate::storage::memory) trait Kind: Entry {
    /// The entry of this number, with this value: below 2^12.
    fn make(number: u32, value: u16) -> Self;
    fn number(&self) -> u32;
    fn value(&self) -> u16;
}

impl Kind for Torrent {
    fn make(number: u32, value: u16) -> Self {
        let mut torrent = Self::new(InfoHash(spread(number)));
        torrent.set_completed(value.into());
        torrent
    }

    fn number(&self) -> u32 {
        gathered(&self.info_hash.0)
    }

    fn value(&self) -> u16 {
        self.completed().try_into().unwrap()
    }
}

impl<const N: usize> Kind for Peer<N> {
    fn make(number: u32, value: u16) -> Self {
        Self::new(spread(number), Stamp::new(Tick::from_bits(value), Role::Seeder, false))
    }

    fn number(&self) -> u32 {
        gathered(&self.endpoint)
    }

    fn value(&self) -> u16 {
        self.stamp().tick().bits()
    }
}

/// A number in the last four of some bytes, which differ from those of a vacant place.
pub(in crate::storage::memory) fn spread<const N: usize>(number: u32) -> [u8; N] {
    let mut bytes = array::from_fn(|at| u8::try_from(at + 1).unwrap());
    bytes[N - 4..].copy_from_slice(&number.to_be_bytes());
    bytes
}

/// The number that has been [spread].
pub(in crate::storage::memory) fn gathered(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(*bytes.last_chunk().unwrap())
}
