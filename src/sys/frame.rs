//! Memory in frames of one size, taken from the system and given back to it one by one.
//!
//! A store that grows by frames copies nothing to a larger place and leaves no holes: any frame serves whoever asks next,
//! and those that nobody asks for go back to the system.

use std::alloc::{self, Layout};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};

use crate::sync::StaticMutex;

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

/// Gives the memory of spare frames back to the system, but for some that will soon be asked for again, and has the system
/// make a huge page of a region that is all in use: of one at a time, since it is copied, in some milliseconds.
pub fn tidy_frames() {
    let mut released = STOCK.lock().withdraw();
    released.sort_unstable_by_key(|unused| unused.0);
    for run in released.chunk_by(|one, next| one.0.as_ptr().wrapping_add(1) == next.0.as_ptr()) {
        release(run[0].0, run.len());
    }
    let full = STOCK.lock().note(released);
    full.inspect(|region| join(region.0));
}

/// A frame's memory while nobody has it.
#[derive(Clone, Copy)]
struct Unused(NonNull<[u8; FRAME_BYTES]>);

// SAFETY: whoever holds it is its only owner.
unsafe impl Send for Unused {}

/// The frames that nobody has.
struct Stock {
    /// Used not long ago: their memory is there.
    spare: Vec<Unused>,
    /// Given back: the system brings zeros when one is touched.
    released: Vec<Unused>,
    /// What is left of the newest mapping: where it begins, and how many frames.
    fresh: Option<(Unused, usize)>,
    /// Those that were begun, by the address of their first frame.
    regions: BTreeMap<usize, Region>,
}

/// As many frames as a huge page has, in a row.
struct Region {
    first: Unused,
    /// Frames without memory, fresh or given back.
    absent: usize,
    /// It is a huge page: from the beginning, or since it last had no frame without memory.
    joined: bool,
}

impl Stock {
    const fn new() -> Self {
        Self { spare: Vec::new(), released: Vec::new(), fresh: None, regions: BTreeMap::new() }
    }

    fn take(&mut self) -> Frame {
        if let Some(Unused(frame)) = self.spare.pop() {
            return Frame(frame);
        }
        let unused = self.released.pop().unwrap_or_else(|| self.unwrap_fresh());
        self.region(unused).absent -= 1;
        Frame(unused.0)
    }

    fn unwrap_fresh(&mut self) -> Unused {
        let (first, number) = self.fresh.take().unwrap_or_else(|| (map(), MAPPED_FRAMES));
        if number.is_multiple_of(REGION_FRAMES) {
            let joined = self.regions.len() >= SMALL_PAGE_REGIONS;
            if joined {
                prefer_huge_page(first.0);
            }
            self.regions.insert(first.0.addr().get(), Region { first, absent: REGION_FRAMES, joined });
        }
        if number > 1 {
            // SAFETY: the mapping has another frame behind this one.
            self.fresh = Some((Unused(unsafe { first.0.add(1) }), number - 1));
        }
        first
    }

    /// Takes out the spare frames that are too many: a share is kept for the next that ask.
    fn withdraw(&mut self) -> Vec<Unused> {
        let fresh = self.fresh.as_ref().map_or(0, |(_, number)| number % REGION_FRAMES);
        let present = self.regions.len() * REGION_FRAMES - self.released.len() - fresh;
        let kept = self.spare.len().min(LEAST_SPARE + present / KEPT_SHARE);
        self.spare.split_off(kept)
    }

    /// Notes frames that have been given back. Says which region has all its memory and should be joined.
    fn note(&mut self, mut released: Vec<Unused>) -> Option<Unused> {
        for unused in &released {
            let region = self.region(*unused);
            region.absent += 1;
            region.joined = false;
        }
        self.released.append(&mut released);
        let full = self.regions.values_mut().find(|region| region.absent == 0 && !region.joined)?;
        full.joined = true;
        Some(full.first)
    }

    fn region(&mut self, frame: Unused) -> &mut Region {
        let (_, region) = self.regions.range_mut(..=frame.0.addr().get()).next_back().expect("a frame is of a region");
        region
    }
}

static STOCK: StaticMutex<Stock> = StaticMutex::new(Stock::new());

/// Spare frames that keep their memory: what a page or two need to be rebuilt in, ...
const LEAST_SPARE: usize = 32;

/// ... and one for so many in use, since what comes and goes from second to second grows with the store.
const KEPT_SHARE: usize = 64;

/// What a huge page has on most machines, and what the beginning of one is divisible by.
const HUGE_PAGE_BYTES: usize = 2 << 20;

const REGION_FRAMES: usize = HUGE_PAGE_BYTES / FRAME_BYTES;

/// Frames mapped at once. They are never unmapped, only their memory given back.
const MAPPED_FRAMES: usize = 8 * REGION_FRAMES;

/// Regions that begin as small pages: 32 MiB. Beyond, what a huge page has and nobody uses is a small part.
const SMALL_PAGE_REGIONS: usize = 16;

const MAPPED: Layout = match Layout::from_size_align(MAPPED_FRAMES * FRAME_BYTES, FRAME_BYTES) {
    Ok(layout) => layout,
    Err(_) => unreachable!(),
};

/// Zeros that take no memory until they are touched, from the beginning of a region on.
#[cfg(target_os = "linux")]
fn map() -> Unused {
    let (protection, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a mapping of its own, at an address of the kernel's choice.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), MAPPED.size() + HUGE_PAGE_BYTES, protection, kind, -1, 0) };
    if mapped == libc::MAP_FAILED {
        alloc::handle_alloc_error(MAPPED);
    }
    // What lies before and behind is never touched, so it costs nothing.
    let first = mapped.map_addr(|address| address.next_multiple_of(HUGE_PAGE_BYTES));
    NonNull::new(first.cast()).map_or_else(|| alloc::handle_alloc_error(MAPPED), Unused)
}

#[cfg(not(target_os = "linux"))]
fn map() -> Unused {
    // SAFETY: the layout is not empty.
    let mapped = unsafe { alloc::alloc_zeroed(MAPPED) };
    NonNull::new(mapped.cast()).map_or_else(|| alloc::handle_alloc_error(MAPPED), Unused)
}

/// Has the system make a huge page of a region: a store is read all over more small pages than the processor remembers.
///
/// Only once all of it is in use, so that it takes no more memory than before.
#[cfg(target_os = "linux")]
fn join(region: NonNull<[u8; FRAME_BYTES]>) {
    // One that cannot do it now (before Linux 6.1) may do it later.
    prefer_huge_page(region);
    // SAFETY: the region is mapped, and keeps what it holds. A refusal costs only time.
    unsafe { libc::madvise(region.as_ptr().cast(), HUGE_PAGE_BYTES, libc::MADV_COLLAPSE) };
}

#[cfg(not(target_os = "linux"))]
fn join(_: NonNull<[u8; FRAME_BYTES]>) {}

/// Has the system take a huge page for a region when it is first touched.
#[cfg(target_os = "linux")]
fn prefer_huge_page(region: NonNull<[u8; FRAME_BYTES]>) {
    // SAFETY: the region is mapped, and keeps what it holds. A refusal costs only time.
    unsafe { libc::madvise(region.as_ptr().cast(), HUGE_PAGE_BYTES, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn prefer_huge_page(_: NonNull<[u8; FRAME_BYTES]>) {}

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

    impl Frame {
        /// Its memory, as that of none of the stock's frames.
        fn leak(self) -> NonNull<[u8; FRAME_BYTES]> {
            std::mem::ManuallyDrop::new(self).0
        }
    }

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
        // Whole regions of them become huge pages.
        tidy_frames();
        assert!(frames.iter().enumerate().all(intact));
        drop(frames);
        tidy_frames();
        let mut frames: Vec<_> = (0..2 * REGION_FRAMES).map(|_| Frame::stale()).collect();
        frames.iter_mut().for_each(|frame| frame.fill(7));
        assert!(frames.iter().all(|frame| frame.iter().all(|&byte| byte == 7)));
    }

    #[test]
    fn a_region_is_joined_when_all_of_it_has_memory_and_again_when_it_has_it_again() {
        let mut stock = Stock::new();
        let mut taken: Vec<_> = (1..REGION_FRAMES).map(|_| Unused(stock.take().leak())).collect();
        assert!(stock.note(Vec::new()).is_none(), "one frame is fresh");
        taken.push(Unused(stock.take().leak()));
        let joined = |stock: &mut Stock, released| stock.note(released).map(|first| first.0);
        assert_eq!(joined(&mut stock, Vec::new()), Some(taken[0].0));
        assert_eq!(joined(&mut stock, Vec::new()), None, "once is enough");
        stock.spare.append(&mut taken);
        let released = stock.withdraw();
        assert_eq!(released.len(), REGION_FRAMES - LEAST_SPARE - REGION_FRAMES / KEPT_SHARE);
        assert_eq!(joined(&mut stock, released), None);
        for left in (0..REGION_FRAMES).rev() {
            stock.take().leak();
            assert_eq!(joined(&mut stock, Vec::new()).is_none(), left > 0);
        }
    }

    #[test]
    fn threads_never_share_a_frame_also_when_it_has_been_released() {
        let work = |thread: u8| {
            let (mut held, mut seen) = (Vec::<Frame>::new(), 0);
            for round in 0..60_u8 {
                for _ in 0..LEAST_SPARE {
                    let mut frame = Frame::stale();
                    // Other tests use frames too, so these bytes may be any; they can all be read.
                    seen |= frame.iter().fold(0, |seen, byte| seen | byte);
                    frame.fill(thread);
                    held.push(frame);
                }
                assert!(held.iter().all(|frame| frame.iter().step_by(61).all(|byte| *byte == thread)));
                held.truncate(held.len() / 2 * usize::from(round % 3 > 0));
                tidy_frames();
            }
            assert_ne!(seen, 0, "frames come back");
        };
        std::thread::scope(|scope| (1..=4).for_each(|thread| drop(scope.spawn(move || work(thread)))));
    }
}
