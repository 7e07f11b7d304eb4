//! The least that an answer costs, whatever store gives it: a keyed hash, a lock, two lines of memory one after the other and
//! then the peers, asked for by a whole batch at a time, and the copy.

use chihaya::storage::Announce;
use chihaya::sys::{Frame, prefetch, tidy_frames};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use siphasher::sip::SipHasher13;

/// As much memory as the peers of [`Shape::MEDIUM`](chihaya_benches::micro::Shape::MEDIUM) take, as many locks as a store has by
/// default, and nothing that a store would know, search or count.
pub(crate) struct Floor {
    frames: Vec<Frame>,
    locks: Vec<Mutex<[u64; 15]>>,
    hasher: SipHasher13,
    replies: Vec<u8>,
}

impl Floor {
    pub(crate) fn new() -> Self {
        let mut rng = SmallRng::seed_from_u64(1);
        let frame = |_| {
            let mut frame = Frame::stale();
            rng.fill_bytes(&mut *frame);
            frame
        };
        let frames: Vec<_> = (0..FRAMES).map(frame).collect();
        (0..FRAMES / 512).for_each(|_| tidy_frames());
        let locks = (0..LOCKS).map(|_| Mutex::default()).collect();
        Self { frames, locks, hasher: SipHasher13::new_with_key(&[1; 16]), replies: Vec::new() }
    }

    /// Answers all of them, in batches of 64.
    pub(crate) fn answer(&mut self, announces: &[Announce], stamp: u16) {
        let mut replies = std::mem::take(&mut self.replies);
        replies.clear();
        for batch in announces.chunks(64) {
            let mut places = [0; 64];
            for (announce, place) in batch.iter().zip(&mut places) {
                *place = self.hasher.hash(&announce.info_hash.0);
                prefetch(&self.locks[lock_of(*place)]);
                prefetch(self.line(*place));
            }
            for place in &mut places[..batch.len()] {
                let _lock = self.locks[lock_of(*place)].lock();
                *place = self.next(*place);
                prefetch(self.line(*place));
            }
            for place in &mut places[..batch.len()] {
                let _lock = self.locks[lock_of(*place)].lock();
                *place = self.next(*place);
                self.peers(*place).iter().step_by(LINE_BYTES / PEER_BYTES).for_each(prefetch);
            }
            for (announce, place) in batch.iter().zip(places) {
                let mut lock = self.locks[lock_of(place)].lock();
                lock[0] += 1;
                let peers = self.peers(place).iter().take(announce.want.peers as usize);
                peers.for_each(|peer| replies.extend(&peer[..COMPACT_BYTES]));
                let (frame, line) = at(place);
                self.frames[frame][line * LINE_BYTES..][..2].copy_from_slice(&stamp.to_ne_bytes());
            }
        }
        self.replies = replies;
    }

    fn line(&self, place: u64) -> &[u8; LINE_BYTES] {
        let (frame, line) = at(place);
        &self.frames[frame].as_chunks().0[line]
    }

    /// Where a line's own bytes lead to.
    fn next(&self, place: u64) -> u64 {
        let (words, _) = self.line(place).as_chunks();
        u64::from_ne_bytes(words[1]) ^ place.rotate_left(17)
    }

    /// Some peers, one after another, from a place on.
    fn peers(&self, place: u64) -> &[[u8; PEER_BYTES]] {
        let (frame, line) = at(place);
        &self.frames[frame].as_chunks().0[line.min(FRAME_LINES - 5) * LINE_BYTES / PEER_BYTES..]
            [..5 * LINE_BYTES / PEER_BYTES]
    }
}

/// The frame, and the line in it.
fn at(place: u64) -> (usize, usize) {
    let line = ((place >> 8) % (FRAMES * FRAME_LINES) as u64) as usize;
    (line / FRAME_LINES, line % FRAME_LINES)
}

fn lock_of(place: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "it is below the number of locks")]
    let lock = (place % LOCKS as u64) as usize;
    lock
}

/// 36 MiB.
const FRAMES: usize = 9_216;
const FRAME_LINES: usize = 64;
const LINE_BYTES: usize = 64;
const LOCKS: usize = 256;

/// A peer as kept, and as sent.
const PEER_BYTES: usize = 8;
const COMPACT_BYTES: usize = 6;
