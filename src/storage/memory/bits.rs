//! Which parts of a frame are taken.

use crate::sys::Frame;

/// A bit for each granule of a frame, in its first bytes: whether it is taken. Those of the bits' own granules are never
/// asked for.
#[derive(Default)]
pub(super) struct Bits([u64; WORDS]);

impl Bits {
    /// Those of a frame.
    pub(super) fn of(frame: &Frame) -> Self {
        let (words, _) = frame.as_chunks();
        Self(std::array::from_fn(|word| u64::from_ne_bytes(words[word])))
    }

    /// Puts them into their frame.
    pub(super) fn write(&self, frame: &mut Frame) {
        let (words, _) = frame.as_chunks_mut();
        std::iter::zip(words, self.0).for_each(|(bytes, word): (&mut [u8; 8], u64)| *bytes = word.to_ne_bytes());
    }

    /// The first granule from `from` on that is taken, or free; [`BITS`] if none is.
    pub(super) fn next(&self, from: usize, taken: bool) -> usize {
        let mut word = from / 64;
        let mut ignored = !0 << (from % 64);
        while let Some(bits) = self.0.get(word) {
            let found = if taken { *bits } else { !bits } & ignored;
            if found != 0 {
                return word * 64 + found.trailing_zeros() as usize;
            }
            ignored = !0;
            word += 1;
        }
        BITS
    }

    /// Where the first run of so many free granules begins, from `from` on.
    pub(super) fn free_run(&self, from: usize, granules: usize) -> Option<usize> {
        let mut start = self.next(from, false);
        loop {
            if start + granules > BITS {
                return None;
            }
            let end = self.next(start, true);
            if end - start >= granules {
                return Some(start);
            }
            start = self.next(end, false);
        }
    }

    pub(super) fn set(&mut self, start: usize, granules: usize, taken: bool) {
        let mut at = start;
        while at < start + granules {
            let (word, bit) = (at / 64, at % 64);
            let number = (64 - bit).min(start + granules - at);
            let mask = (!0 >> (64 - number)) << bit;
            if taken {
                self.0[word] |= mask
            } else {
                self.0[word] &= !mask
            }
            at += number;
        }
    }
}

/// Bits of a frame.
pub(super) const BITS: usize = WORDS * 64;

const WORDS: usize = 8;
