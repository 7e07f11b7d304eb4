//! Some tens of entries, packed, each with eight bits of its hash beside it.

use std::ops::Range;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::key::{Hash, Key};
use crate::sys::{FRAME_BYTES, bytes_equal, prefetch};

/// What a table is made of: plain bytes that know their hash.
pub(super) trait Entry: Copy + FromBytes + IntoBytes + Immutable + KnownLayout + Unaligned {
    /// Bytes of one bucket: a power of two that divides a frame, the header and at most 63 entries.
    const BUCKET_BYTES: usize;

    /// Entries of one bucket.
    const BUCKET_ENTRIES: usize = {
        let entries = (Self::BUCKET_BYTES - HEADER_BYTES) / size_of::<Self>();
        assert!(entries < HEADER_BYTES && HEADER_BYTES + entries * size_of::<Self>() == Self::BUCKET_BYTES);
        entries
    };

    /// Buckets of one frame.
    const FRAME_BUCKETS: usize = {
        assert!(FRAME_BYTES.is_multiple_of(Self::BUCKET_BYTES) && FRAME_BYTES >= 2 * Self::BUCKET_BYTES);
        FRAME_BYTES / Self::BUCKET_BYTES
    };

    /// Entries of one frame.
    const FRAME_ENTRIES: usize = Self::FRAME_BUCKETS * Self::BUCKET_ENTRIES;

    /// What fills the places of a bucket that have no entry.
    const VACANT: Self;

    /// The hash it is found by.
    fn hash(&self, key: &Key) -> Hash;
}

/// A bucket's bytes: one cache line of header, then the entries without a gap.
///
/// ```text
/// 0            1         2            64        64 + s      64 + 2s
/// | entries: n | tag 0: 1 | tag 1: 1 | … | entry 0: s | entry 1: s | …
/// ```
///
/// The highest bit of the first byte says that an entry which belongs here has had to go elsewhere.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Bucket<E> {
    header: [u8; HEADER_BYTES],
    entries: [E],
}

impl<E: Entry> Bucket<E> {
    /// The bucket at `index` among those of some frames' bytes.
    pub(super) fn of(bytes: &[u8; FRAME_BYTES], index: usize) -> &Self {
        let bytes = &bytes[index * E::BUCKET_BYTES..][..E::BUCKET_BYTES];
        Self::ref_from_bytes(bytes).unwrap_or_else(|_| unreachable!("its size is a bucket's"))
    }

    pub(super) fn of_mut(bytes: &mut [u8; FRAME_BYTES], index: usize) -> &mut Self {
        let bytes = &mut bytes[index * E::BUCKET_BYTES..][..E::BUCKET_BYTES];
        Self::mut_from_bytes(bytes).unwrap_or_else(|_| unreachable!("its size is a bucket's"))
    }

    pub(super) fn clear(&mut self) {
        self.header[0] = 0;
        self.entries.fill(E::VACANT);
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.header[0] & !OVERFLOWED).min(E::BUCKET_ENTRIES)
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == E::BUCKET_ENTRIES
    }

    /// Whether an entry that belongs here may be elsewhere.
    pub(super) fn has_overflowed(&self) -> bool {
        self.header[0] & OVERFLOWED != 0
    }

    pub(super) fn overflow(&mut self) {
        self.header[0] |= OVERFLOWED;
    }

    /// All places, those without an entry too.
    pub(super) fn places(&self) -> &[E] {
        &self.entries
    }

    pub(super) fn entries(&self) -> &[E] {
        &self.entries[..self.len()]
    }

    pub(super) fn entry_mut(&mut self, at: usize) -> &mut E {
        &mut self.entries[at]
    }

    /// Where the entry is that has this tag and is `same`.
    pub(super) fn find(&self, tag: u8, mut same: impl FnMut(&E) -> bool) -> Option<usize> {
        self.places_of(tag).find(|&place| same(&self.entries[place]))
    }

    /// How many entries have this tag and are the `same`.
    pub(super) fn count(&self, tag: u8, same: impl Fn(&E) -> bool) -> usize {
        self.places_of(tag).filter(|&place| same(&self.entries[place])).count()
    }

    /// Appends an entry; says where, unless it is full.
    pub(super) fn push(&mut self, tag: u8, entry: E) -> Option<usize> {
        let at = self.len();
        *self.entries.get_mut(at)? = entry;
        self.header[1 + at] = tag;
        self.header[0] += 1;
        Some(at)
    }

    /// Removes an entry; the last one takes its place.
    pub(super) fn swap_remove(&mut self, at: usize) {
        let last = self.len() - 1;
        self.entries[at] = self.entries[last];
        self.entries[last] = E::VACANT;
        self.header[1 + at] = self.header[1 + last];
        self.header[0] -= 1;
    }

    /// Has the processor fetch what [`find`](Self::find) reads first.
    pub(super) fn prefetch(&self) {
        prefetch(&self.header);
    }

    /// Has it fetch what `find` reads next: every entry of this tag. Says where the first is.
    pub(super) fn prefetch_entries(&self, tag: u8) -> Option<usize> {
        let places = self.places_of(tag);
        places.clone().for_each(|place| prefetch(&self.entries[place]));
        places.into_iter().next()
    }

    /// Has it fetch some neighbours.
    pub(super) fn prefetch_run(&self, run: Range<usize>) {
        let per_line = HEADER_BYTES / size_of::<E>();
        let mut at = run.start;
        while at < run.end {
            prefetch(&self.entries[at]);
            at += per_line;
        }
        prefetch(&self.entries[run.end - 1]);
    }

    /// Places of entries that have this tag.
    #[inline(always)]
    fn places_of(&self, tag: u8) -> Places {
        // The first byte is no tag.
        Places(bytes_equal(&self.header, tag) >> 1 & ((1 << self.len()) - 1))
    }
}

/// Some of a bucket's places: a bit for each.
#[derive(Clone)]
struct Places(u64);

impl Iterator for Places {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let place = self.0.trailing_zeros() as usize;
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            place
        })
    }
}

/// One cache line.
const HEADER_BYTES: usize = 64;

/// In the first byte of the header, beside a number that is always below it.
const OVERFLOWED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::super::form::Torrent;
    use super::super::peer::Peer;
    use super::super::tests::kind::Kind;
    use super::*;

    #[test]
    fn a_bucket_is_a_list_whose_gaps_the_last_entry_fills() {
        is_a_list::<Torrent>(1);
        is_a_list::<Peer<6>>(2);
        is_a_list::<Peer<18>>(3);
    }

    fn is_a_list<E: Kind>(seed: u64) {
        let mut rng = SmallRng::seed_from_u64(seed);
        for index in [0, E::FRAME_BUCKETS - 1] {
            // What was there before shows nowhere.
            let mut bytes = [rng.random(); FRAME_BYTES];
            let before = bytes;
            Bucket::<E>::of_mut(&mut bytes, index).clear();
            let mut list: Vec<(u8, u32)> = Vec::new();
            for number in 0..4_000 {
                let bucket = Bucket::<E>::of_mut(&mut bytes, index);
                // Few tags, so that many are alike, or differ by one.
                let tag = [0, 1, 2, 0x7f, 0x80, 0xff][rng.random_range(0..6)];
                if rng.random_range(0..2_000) > number / 2 && rng.random() {
                    let at = (list.len() < E::BUCKET_ENTRIES).then_some(list.len());
                    assert_eq!(bucket.push(tag, E::make(number, 5)), at);
                    list.extend(at.map(|_| (tag, number)));
                } else if !list.is_empty() {
                    let at = rng.random_range(0..list.len());
                    list.swap_remove(at);
                    bucket.swap_remove(at);
                }
                if number == 2_000 {
                    bucket.overflow();
                }
                check(bucket, &list, number >= 2_000);
            }
            let own = index * E::BUCKET_BYTES..(index + 1) * E::BUCKET_BYTES;
            let others = |bytes: &[u8; FRAME_BYTES]| [&bytes[..own.start], &bytes[own.end..]].concat();
            assert_eq!(others(&bytes), others(&before));
        }
    }

    fn check<E: Kind>(bucket: &Bucket<E>, list: &[(u8, u32)], overflowed: bool) {
        assert_eq!((bucket.len(), bucket.has_overflowed()), (list.len(), overflowed));
        assert_eq!(bucket.is_full(), list.len() == E::BUCKET_ENTRIES);
        assert!(bucket.entries().iter().map(Kind::number).eq(list.iter().map(|(_, number)| *number)));
        assert!(bucket.places()[list.len()..].iter().all(|place| place.as_bytes() == E::VACANT.as_bytes()));
        for (at, &(tag, number)) in list.iter().enumerate().step_by(5) {
            assert_eq!(bucket.find(tag, |entry| entry.number() == number), Some(at));
            assert_eq!(bucket.find(tag, |_| false), None);
            assert_eq!(bucket.find(tag ^ 0x10, |entry| entry.number() == number), None);
            bucket.prefetch_entries(tag);
        }
    }
}
