//! Memory in frames of one size, taken from the system and given back to it one by one.
//!
//! A store that grows by frames copies nothing to a larger place and leaves no holes: any frame serves whoever asks next,
//! and those that nobody asks for go back to the system.

use std::alloc::{self, Layout};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use parking_lot::Mutex;

/// Bytes of a frame: a page of the system's, so that each can go back alone.
pub const FRAME_BYTES: usize = 4_096;

/// A frame of memory, owned, at an address that [`FRAME_BYTES`] divides. Dropping it makes it a spare one.
pub struct Frame(NonNull<[u8; FRAME_BYTES]>);

// SAFETY: a frame is the only owner of its memory, as a box would be.
unsafe impl Send for Frame {}
// SAFETY: likewise; what is shared can only be read.
unsafe impl Sync for Frame {}

impl Frame {
    /// A frame with whatever bytes its last user left in it.
    pub fn stale() -> Self {
        STOCK.lock().take()
    }
}

impl Deref for Frame {
    type Target = [u8; FRAME_BYTES];

    fn deref(&self) -> &Self::Target {
        // SAFETY: the memory is this frame's alone, as long as said, and has been initialised since it was mapped.
        unsafe { self.0.as_ref() }
    }
}

impl DerefMut for Frame {
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: as above, and the frame is borrowed by nobody else.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        STOCK.lock().spare.push(Unused(self.0));
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({:p})", self.0)
    }
}

/// Gives the memory of spare frames back to the system, but for some that will soon be asked for again.
pub fn release_spare_frames() {
    let mut stock = STOCK.lock();
    let kept = stock.spare.len().min(KEPT_SPARE);
    let mut released = stock.spare.split_off(kept);
    released.sort_unstable_by_key(|unused| unused.0);
    for run in released.chunk_by(|one, next| one.0.as_ptr().wrapping_add(1) == next.0.as_ptr()) {
        release(run[0].0, run.len());
    }
    stock.released.append(&mut released);
}

/// A frame's memory while nobody has it.
struct Unused(NonNull<[u8; FRAME_BYTES]>);

// SAFETY: whoever holds it is its only owner.
unsafe impl Send for Unused {}

/// The frames that nobody has.
struct Stock {
    /// Used not long ago: their memory is there.
    spare: Vec<Unused>,
    /// Given back: the system brings zeros when one is touched.
    released: Vec<Unused>,
    /// The rest of the newest region: where it begins, and how many frames.
    fresh: Option<(Unused, usize)>,
    /// Regions so far.
    regions: usize,
}

impl Stock {
    fn take(&mut self) -> Frame {
        let Unused(frame) = self.spare.pop().or_else(|| self.released.pop()).unwrap_or_else(|| self.unwrap_fresh());
        Frame(frame)
    }

    fn unwrap_fresh(&mut self) -> Unused {
        let (Unused(first), number) = self.fresh.take().unwrap_or_else(|| {
            self.regions += 1;
            (map_region(self.regions > SMALL_PAGE_REGIONS), REGION_FRAMES)
        });
        if number > 1 {
            // SAFETY: the region has another frame behind this one.
            self.fresh = Some((Unused(unsafe { first.add(1) }), number - 1));
        }
        Unused(first)
    }
}

static STOCK: Mutex<Stock> = Mutex::new(Stock { spare: Vec::new(), released: Vec::new(), fresh: None, regions: 0 });

/// Spare frames that keep their memory: what a page or two need to be rebuilt in.
const KEPT_SPARE: usize = 32;

/// Frames mapped at once. A region is never unmapped, only its memory given back.
const REGION_FRAMES: usize = 1_024;

/// Regions of small pages: 32 MiB. Beyond, a store is read all over more small pages than the processor remembers, and a
/// huge page that is not all used is a small part.
const SMALL_PAGE_REGIONS: usize = 8;

/// What a huge page has on most machines, and what the beginning of one is divisible by.
const HUGE_PAGE_BYTES: usize = 2 << 20;

const REGION: Layout = match Layout::from_size_align(REGION_FRAMES * FRAME_BYTES, FRAME_BYTES) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

/// A region of zeros that takes no memory until it is touched: in huge pages, if wanted and where the system has them.
#[cfg(target_os = "linux")]
fn map_region(huge_pages: bool) -> Unused {
    let (protection, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a mapping of its own, at an address of the kernel's choice.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), REGION.size() + HUGE_PAGE_BYTES, protection, kind, -1, 0) };
    if mapped == libc::MAP_FAILED {
        alloc::handle_alloc_error(REGION);
    }
    // What lies before and behind the region is never touched, so it costs nothing.
    let region = mapped.map_addr(|address| address.next_multiple_of(HUGE_PAGE_BYTES));
    if huge_pages {
        // SAFETY: the region lies within what has just been mapped. A refusal costs only time.
        unsafe { libc::madvise(region, REGION.size(), libc::MADV_HUGEPAGE) };
    }
    NonNull::new(region.cast()).map_or_else(|| alloc::handle_alloc_error(REGION), Unused)
}

#[cfg(not(target_os = "linux"))]
fn map_region(_: bool) -> Unused {
    // SAFETY: the layout is not empty.
    let region = unsafe { alloc::alloc_zeroed(REGION) };
    NonNull::new(region.cast()).map_or_else(|| alloc::handle_alloc_error(REGION), Unused)
}

/// Gives back the memory of `number` frames from `first` on.
#[cfg(target_os = "linux")]
fn release(first: NonNull<[u8; FRAME_BYTES]>, number: usize) {
    let first: *mut libc::c_void = first.as_ptr().cast();
    // The system must not fill the gaps to make huge pages again.
    let around = first.map_addr(|address| address / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES);
    let end = (first.addr() + number * FRAME_BYTES).next_multiple_of(HUGE_PAGE_BYTES);
    // SAFETY: these frames are mapped, private, and nobody's; from now on they read as zeros. What else is in the huge pages
    // around them belongs to the same regions and keeps what it holds. A refusal costs only memory.
    unsafe {
        libc::madvise(around, end - around.addr(), libc::MADV_NOHUGEPAGE);
        libc::madvise(first, number * FRAME_BYTES, libc::MADV_DONTNEED);
    }
}

/// Other systems find idle pages themselves.
#[cfg(not(target_os = "linux"))]
fn release(_: NonNull<[u8; FRAME_BYTES]>, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_do_not_overlap_and_come_back() {
        let mut frames: Vec<_> = (0..3 * REGION_FRAMES).map(|_| Frame::stale()).collect();
        for (number, frame) in frames.iter_mut().enumerate() {
            assert!(std::ptr::from_ref(&**frame).addr().is_multiple_of(FRAME_BYTES));
            frame.as_chunks_mut::<8>().0.fill(number.to_ne_bytes());
        }
        let intact = |(number, frame): (usize, &Frame)| {
            frame.as_chunks::<8>().0.iter().all(|chunk| *chunk == number.to_ne_bytes())
        };
        assert!(frames.iter().enumerate().all(intact));
        drop(frames);
        release_spare_frames();
        let mut frames: Vec<_> = (0..2 * REGION_FRAMES).map(|_| Frame::stale()).collect();
        frames.iter_mut().for_each(|frame| frame.fill(7));
        assert!(frames.iter().all(|frame| frame.iter().all(|&byte| byte == 7)));
    }

    #[test]
    fn threads_never_share_a_frame_also_when_it_has_been_released() {
        let work = |thread: u8| {
            let (mut held, mut seen) = (Vec::<Frame>::new(), 0);
            for round in 0..60_u8 {
                for _ in 0..KEPT_SPARE {
                    let mut frame = Frame::stale();
                    // Other tests use frames too, so these bytes may be any; they can all be read.
                    seen |= frame.iter().fold(0, |seen, byte| seen | byte);
                    frame.fill(thread);
                    held.push(frame);
                }
                assert!(held.iter().all(|frame| frame.iter().step_by(61).all(|byte| *byte == thread)));
                held.truncate(held.len() / 2 * usize::from(round % 3 > 0));
                release_spare_frames();
            }
            assert_ne!(seen, 0, "frames come back");
        };
        std::thread::scope(|scope| (1..=4).for_each(|thread| drop(scope.spawn(move || work(thread)))));
    }
}
