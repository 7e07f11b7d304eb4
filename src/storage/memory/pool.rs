//! Small pieces of memory, packed into frames.
//!
//! A frame begins with a bit for each of its granules of 8 bytes, its own 64 bytes included; a piece is a run of granules.
//! Pieces come and go at the size they need, and grow in place where the granules behind them are free.

use super::bits::{BITS, Bits};
use crate::sys::{FRAME_BYTES, Frame};

/// Frames that pieces are cut from.
#[derive(Debug, Default)]
pub(super) struct Pool {
    cut: Vec<Cut>,
}

/// A frame and what is known of it without reading it.
#[derive(Debug)]
struct Cut {
    /// `None` while no piece is in it.
    frame: Option<Frame>,
    /// Granules taken, those of the bits not counted.
    taken: u16,
    /// No run of free granules is longer.
    longest: u16,
}

/// A piece: whose length, in granules, is for its owner to know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Piece {
    /// Which of the pool's frames: 18 bits.
    pub(super) frame: u32,
    /// Where it begins there: 9 bits.
    pub(super) granule: u16,
}

impl Pool {
    /// A piece of `granules`; its bytes are whatever was there.
    pub(super) fn allocate(&mut self, granules: usize) -> Piece {
        let frames = self.cut.len();
        self.allocate_below(frames, granules).unwrap_or_else(|| {
            let at = self.cut.iter().position(|cut| cut.frame.is_none()).unwrap_or(frames);
            if at == frames {
                assert!(frames < MOST_FRAMES, "more small swarms in a shard than it can number: choose more shards");
                self.cut.push(Cut { frame: None, taken: 0, longest: 0 });
            }
            let mut frame = Frame::stale();
            Bits::default().write(&mut frame);
            self.cut[at] = Cut { frame: Some(frame), taken: 0, longest: GRANULES - OWN_GRANULES };
            self.allocate_below(at + 1, granules).expect("an empty frame has room for any piece")
        })
    }

    /// A piece in one of the first frames, if one has room.
    pub(super) fn allocate_below(&mut self, frames: usize, granules: usize) -> Option<Piece> {
        self.cut[..frames].iter_mut().enumerate().find_map(|(at, cut)| {
            let granule = cut.allocate(granules)?;
            Some(Piece { frame: u32::try_from(at).expect("a shard is far below 2^32 frames"), granule })
        })
    }

    /// Frees a piece, and its frame with the last one.
    pub(super) fn free(&mut self, piece: Piece, granules: usize) {
        let cut = &mut self.cut[piece.frame as usize];
        cut.free(piece.granule, granules);
        if cut.taken == 0 {
            cut.frame = None;
            cut.longest = 0;
            let used = self.cut.iter().rposition(|cut| cut.frame.is_some()).map_or(0, |last| last + 1);
            self.cut.truncate(used);
        }
    }

    /// Makes a piece of `old` granules one of `new`, in place if there is room; else it is another, of any bytes.
    pub(super) fn resize(&mut self, piece: Piece, old: usize, new: usize) -> Piece {
        if self.cut[piece.frame as usize].resize(piece.granule, old, new) {
            return piece;
        }
        self.free(piece, old);
        self.allocate(new)
    }

    /// Whether most of a piece's frame is free, so that the piece would better be in another.
    pub(super) fn is_sparse(&self, piece: Piece) -> bool {
        self.cut[piece.frame as usize].taken < GRANULES / 2
    }

    pub(super) fn bytes(&self, piece: Piece, length: usize) -> &[u8] {
        let frame = self.cut[piece.frame as usize].frame.as_ref().expect("a piece's frame is there");
        &frame[usize::from(piece.granule) * GRANULE_BYTES..][..length]
    }

    pub(super) fn bytes_mut(&mut self, piece: Piece, length: usize) -> &mut [u8] {
        let frame = self.cut[piece.frame as usize].frame.as_mut().expect("a piece's frame is there");
        &mut frame[usize::from(piece.granule) * GRANULE_BYTES..][..length]
    }

    #[cfg(test)]
    pub(super) fn frames(&self) -> usize {
        self.cut.iter().filter(|cut| cut.frame.is_some()).count()
    }
}

impl Cut {
    fn allocate(&mut self, granules: usize) -> Option<u16> {
        if usize::from(self.longest) < granules {
            return None;
        }
        let frame = self.frame.as_mut()?;
        let mut taken = Bits::of(frame);
        let Some(start) = taken.free_run(OWN_GRANULES.into(), granules) else {
            self.longest = small(granules - 1);
            return None;
        };
        taken.set(start, granules, true);
        taken.write(frame);
        self.taken += small(granules);
        Some(small(start))
    }

    fn free(&mut self, start: u16, granules: usize) {
        let Some(frame) = &mut self.frame else { return };
        let mut taken = Bits::of(frame);
        taken.set(start.into(), granules, false);
        taken.write(frame);
        self.taken -= small(granules);
        self.longest = GRANULES - OWN_GRANULES - self.taken;
    }

    fn resize(&mut self, start: u16, old: usize, new: usize) -> bool {
        let start = usize::from(start);
        if new <= old {
            if new < old {
                self.free(small(start + new), old - new);
            }
            return true;
        }
        let Some(frame) = &mut self.frame else { return false };
        let mut taken = Bits::of(frame);
        if taken.next(start + old, true) < start + new {
            return false;
        }
        taken.set(start + old, new - old, true);
        taken.write(frame);
        self.taken += small(new - old);
        true
    }
}

/// A number of granules in its stored form.
fn small(granules: usize) -> u16 {
    u16::try_from(granules).expect("a frame has 512 granules")
}

/// What lengths are counted in: the size of an IPv4 peer.
pub(super) const GRANULE_BYTES: usize = 8;

/// Frames of a shard, as many as a piece can name: 1 GiB.
const MOST_FRAMES: usize = 1 << 18;

/// Granules of a frame.
const GRANULES: u16 = 512;

/// Granules that the bits take themselves.
const OWN_GRANULES: u16 = 8;

const _: () = assert!(GRANULES as usize * GRANULE_BYTES == FRAME_BYTES && GRANULES as usize == BITS);

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// A piece, its length in granules, and the byte it is full of.
    type Held = (Piece, usize, u8);

    struct Trial {
        pool: Pool,
        held: Vec<Held>,
        rng: SmallRng,
    }

    impl Trial {
        fn new(seed: u64) -> Self {
            Self { pool: Pool::default(), held: Vec::new(), rng: SmallRng::seed_from_u64(seed) }
        }

        /// Mostly a few granules, as of most swarms; at times what only an empty frame has room for.
        fn length(&mut self) -> usize {
            let most = [3, 12, 70, 500][self.rng.random_range(0..4)];
            self.rng.random_range(1..=most)
        }

        fn allocate(&mut self) {
            let granules = self.length();
            let piece = self.pool.allocate(granules);
            self.hold(piece, granules);
        }

        fn hold(&mut self, piece: Piece, granules: usize) {
            let byte = self.rng.random();
            self.pool.bytes_mut(piece, granules * GRANULE_BYTES).fill(byte);
            self.held.push((piece, granules, byte));
        }

        fn release(&mut self) {
            let (piece, granules) = self.any();
            self.pool.free(piece, granules);
        }

        fn resize(&mut self) {
            let (piece, old) = self.any();
            let new = self.length();
            let byte = self.pool.bytes(piece, 1)[0];
            let resized = self.pool.resize(piece, old, new);
            if resized == piece {
                let kept = old.min(new) * GRANULE_BYTES;
                assert!(self.pool.bytes(resized, kept).iter().all(|&other| other == byte));
            }
            assert!(resized == piece || new > old, "a shrinking piece stays");
            self.hold(resized, new);
        }

        /// Takes any of the pieces out of those that are held.
        fn any(&mut self) -> (Piece, usize) {
            let at = self.rng.random_range(0..self.held.len());
            let held = self.held.swap_remove(at);
            assert!(self.is_intact(&held));
            (held.0, held.1)
        }

        fn is_intact(&self, &(piece, granules, byte): &Held) -> bool {
            self.pool.bytes(piece, granules * GRANULE_BYTES).iter().all(|&other| other == byte)
        }

        /// No piece overlaps another or the bits, and each has its bytes still; what the pool knows of its frames is true.
        fn check(&self) {
            let mut taken = vec![[false; GRANULES as usize]; self.pool.cut.len()];
            for held @ &(piece, granules, _) in &self.held {
                assert!(piece.granule >= OWN_GRANULES && self.is_intact(held));
                for taken in &mut taken[piece.frame as usize][piece.granule.into()..][..granules] {
                    assert!(!*taken, "{piece:?} overlaps");
                    *taken = true;
                }
            }
            for (cut, taken) in self.pool.cut.iter().zip(taken) {
                assert_eq!(usize::from(cut.taken), taken.iter().filter(|&&taken| taken).count());
                assert_eq!(cut.frame.is_some(), cut.taken > 0);
                let free = taken[OWN_GRANULES.into()..].split(|&taken| taken).map(<[bool]>::len).max();
                assert!(cut.frame.is_none() || usize::from(cut.longest) >= free.unwrap_or_default());
            }
            assert!(self.pool.cut.last().is_none_or(|cut| cut.frame.is_some()));
        }
    }

    #[test]
    fn pieces_never_overlap_and_keep_their_bytes() {
        for seed in 0..8 {
            let mut trial = Trial::new(seed);
            for step in 0..1_500 {
                // More and more of them, then fewer and fewer.
                let growth = if step < 800 { 5 } else { 2 };
                match trial.rng.random_range(0..10) {
                    dice if dice < growth || trial.held.is_empty() => trial.allocate(),
                    5..8 => trial.resize(),
                    _ => trial.release(),
                }
                if step % 20 == 0 {
                    trial.check();
                }
            }
            while !trial.held.is_empty() {
                trial.release();
            }
            assert!(trial.pool.cut.is_empty());
        }
    }

    #[test]
    fn a_frame_is_filled_to_its_last_granule_before_another_is_begun() {
        let room = usize::from(GRANULES - OWN_GRANULES);
        for granules in [1, 2, 3, 7, 63, 64, 65, 252, room] {
            let mut trial = Trial::new(1);
            for _ in 0..room / granules {
                let piece = trial.pool.allocate(granules);
                assert_eq!(piece.frame, 0, "{granules}");
                trial.hold(piece, granules);
            }
            trial.check();
            let next = trial.pool.allocate(granules);
            assert_eq!(next.frame, 1);
            // The place of a frame that has been given up is the first to be used again.
            for (piece, granules, _) in trial.held.drain(..) {
                trial.pool.free(piece, granules);
            }
            assert_eq!(trial.pool.cut.len(), 2);
            assert_eq!(trial.pool.allocate(room), Piece { frame: 0, granule: OWN_GRANULES });
        }
    }

    #[test]
    fn a_piece_grows_in_place_up_to_its_neighbour_and_to_the_end_of_the_frame() {
        let mut pool = Pool::default();
        let [first, second, third] = [10, 54, 10].map(|granules| pool.allocate(granules));
        assert_ne!(pool.resize(third, 10, 500), third, "the bits and two others are there");
        let third = pool.allocate(10);
        pool.free(second, 54);
        assert_eq!(pool.resize(first, 10, 64), first, "up to its neighbour, across words");
        assert_eq!(pool.resize(third, 10, 512 - 72), third, "up to the end");
        let last = pool.resize(third, 512 - 72, 512 - 71);
        assert_ne!(last, third);
    }

    #[test]
    fn sparse_frames_are_emptied_by_moving_pieces_down() {
        let mut trial = Trial::new(3);
        (0..4_000).for_each(|_| trial.allocate());
        let full = trial.pool.cut.len();
        for _ in 0..3_600 {
            trial.release();
        }
        for _ in 0..4 {
            for number in 0..trial.held.len() {
                let (piece, granules, byte) = trial.held[number];
                if !trial.pool.is_sparse(piece) {
                    continue;
                }
                let Some(lower) = trial.pool.allocate_below(piece.frame as usize, granules) else { continue };
                assert!(lower.frame < piece.frame);
                trial.pool.bytes_mut(lower, granules * GRANULE_BYTES).fill(byte);
                trial.pool.free(piece, granules);
                trial.held[number].0 = lower;
            }
            trial.check();
        }
        let granules: usize = trial.held.iter().map(|(_, granules, _)| granules).sum();
        let left = trial.pool.frames();
        assert!(left * 5 < full, "{left} of {full} frames");
        assert!(left <= granules.div_ceil(usize::from(GRANULES) / 2) + 1, "{left} frames for {granules} granules");
    }
}
