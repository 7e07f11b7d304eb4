//! Tracker requests and replies over HTTP (BEP 3, "Trackers"; BEP 48): query strings in, bencode out.

mod reply;
mod request;

pub use reply::{AnnounceReply, PeerForm, ScrapeReply, write_failure};
pub use request::{AnnounceRequest, RequestError, ScrapeRequest};
