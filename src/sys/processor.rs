//! What the processor can do that the language has no word for: fetching ahead, comparing many bytes at once.

/// Asks for the cache line where `value` begins, without waiting for it.
#[inline(always)]
pub fn prefetch<T: ?Sized>(value: &T) {
    prefetch_line(std::ptr::from_ref(value).cast());
}

#[inline(always)]
fn prefetch_line(address: *const i8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch neither reads nor writes as far as the program can tell, and never faults; SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address);
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: likewise.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

/// Asks for all cache lines of `value`.
#[inline(always)]
pub fn prefetch_all<T>(value: &T) {
    lines(value).for_each(prefetch_line);
}

/// Asks for all cache lines of `value`, to be written: what only this processor has need not be asked for again.
#[inline(always)]
pub fn prefetch_to_write<T>(value: &T) {
    for line in lines(value) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as of any prefetch; a processor without this one takes it for none.
        unsafe {
            std::arch::asm!("prefetchw [{0}]", in(reg) line, options(nostack, preserves_flags, readonly));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as of any prefetch.
        unsafe {
            std::arch::asm!("prfm pstl1keep, [{0}]", in(reg) line, options(nostack, preserves_flags, readonly));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = line;
    }
}

fn lines<T>(value: &T) -> impl Iterator<Item = *const i8> {
    let first = std::ptr::from_ref(value).cast::<[u8; 64]>();
    (0..size_of::<T>().div_ceil(64)).map(move |line| first.wrapping_add(line).cast())
}

/// A bit for each byte, from the lowest on: whether it is that one.
#[cfg(target_arch = "x86_64")]
pub fn bytes_equal(bytes: &[u8; 64], byte: u8) -> u64 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

    let (quarters, _) = bytes.as_chunks::<16>();
    quarters.iter().rev().fold(0, |mask, quarter| {
        // SAFETY: SSE2 is part of x86-64, and the quarter has the 16 bytes that are read.
        let equal = unsafe {
            let quarter = _mm_loadu_si128(quarter.as_ptr().cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(quarter, _mm_set1_epi8(byte.cast_signed())))
        };
        mask << 16 | u64::from(equal.cast_unsigned())
    })
}

/// A bit for each byte, from the lowest on: whether it is that one.
#[cfg(not(target_arch = "x86_64"))]
pub fn bytes_equal(bytes: &[u8; 64], byte: u8) -> u64 {
    bytes.iter().rev().fold(0, |mask, &other| mask << 1 | u64::from(other == byte))
}
