//! As much of the tracker's `sys` as its store in memory needs.
#![allow(unsafe_code, reason = "that of the files of the same names in the tracker")]

#[path = "../../../src/sys/frame.rs"]
mod frame;
#[path = "../../../src/sys/processor.rs"]
mod processor;

pub use frame::{FRAME_BYTES, Frame, tidy_frames};
pub use processor::{bytes_equal, prefetch, prefetch_all, prefetch_to_write};
