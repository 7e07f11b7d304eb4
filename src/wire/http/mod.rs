//! Tracker requests and replies over HTTP (BEP 3, "Trackers"; BEP 48): query strings in, bencode out; and for the
//! probe the other way round.

mod client;
mod reply;
mod request;

pub use client::{Announced, Answer, AnswerError, File, Scraped, announce_query, announced, scrape_query, scraped};
pub use reply::{AnnounceReply, PeerForm, ScrapeReply, write_failure};
pub use request::{AnnounceRequest, RequestError, ScrapeRequest};
