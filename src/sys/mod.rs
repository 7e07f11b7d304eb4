//! What only the operating system's own calls can do; the one place for `unsafe`.
//!
//! Batched datagrams where the system has `recvmmsg` and `sendmmsg`, a plain loop behind the same signatures elsewhere;
//! connections that the runtime does not watch; the limit of open files.
#![allow(unsafe_code)]

mod frame;
mod limits;
#[cfg(target_os = "linux")]
mod linux;
mod listener;
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", expect(unreachable_pub, reason = "here its tests alone use it"))]
mod portable;
mod processor;

pub use frame::{FRAME_BYTES, Frame, tidy_frames};
pub use limits::raise_open_files;
#[cfg(target_os = "linux")]
pub use linux::{Messages, receive_drops, receive_packet_info};
pub use listener::Listener;
#[cfg(not(target_os = "linux"))]
pub use portable::{Messages, receive_drops, receive_packet_info};
pub use processor::{bytes_equal, prefetch, prefetch_all, prefetch_to_write};

/// Bytes of a datagram that are received; what is longer loses its end. Room for a scrape of more torrents than are ever
/// answered, and for any announce with its options.
pub const PAYLOAD_LENGTH: usize = 2_048;

/// What became of a batch's replies.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// Replies the system took.
    pub sent: usize,
    /// Replies it refused; they are not tried again, since a client that misses one asks again (BEP 15, "Time outs").
    pub failed: usize,
    /// Bytes of those it took.
    pub bytes: usize,
}

#[cfg(test)]
mod tests;
