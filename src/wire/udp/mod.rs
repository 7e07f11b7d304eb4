//! The UDP tracker protocol (BEP 15) and its extension options (BEP 41).
//!
//! All integers are big-endian. Packets may grow, so requests have minimum sizes, never exact ones.

mod client;
mod options;
mod request;
mod response;

use zerocopy::byteorder::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

pub use client::{Answer, AnswerError, Triple, announce_request, connect_request, scrape_request};
pub use options::url_data;
pub use request::{AnnouncePacket, ParseError, Request};
pub use response::{AnnounceReply, connect, error, scrape};

/// A client's mark on a request, returned in the reply. Opaque: kept as it came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct TransactionId(pub U32);

/// What a client shows to prove that it receives at its source address (BEP 15, "UDP connections / spoofing").
#[derive(Clone, Copy, Debug, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub struct ConnectionId(pub U64);

/// Opens a connect request in the place of a connection id (BEP 15, "Connect request").
pub const PROTOCOL_MAGIC: u64 = 0x0417_2710_1980;

/// Actions (BEP 15).
mod action {
    pub(super) const CONNECT: u32 = 0;
    pub(super) const ANNOUNCE: u32 = 1;
    pub(super) const SCRAPE: u32 = 2;
    pub(super) const ERROR: u32 = 3;
}
