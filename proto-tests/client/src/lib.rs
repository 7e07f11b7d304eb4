//! A BitTorrent tracker client with a codec of its own, for tests and load generators.
//!
//! It shares no code with the tracker it talks to: a mistake in one codec would otherwise hide behind the same mistake
//! in the other. It blocks, it never waits longer than the time-out it was given, it sends each request once, and it
//! is strict: a reply that is a byte too long is [`Malformed`], and the test that asked learns of it.
//!
//! - [`udp`]: packets of BEP 15 as pure functions, and a [`udp::Client`] over one connected socket.
//! - [`http`]: queries and bencoded replies as pure functions, and an [`http::Client`] over one kept connection.
//! - [`bencode`]: a decoder that refuses whatever is not canonical (BEP 3).

mod announce;
pub mod bencode;
mod compact;
pub mod http;
mod outcome;
pub mod udp;

pub use announce::{Announce, Event};
pub use compact::Family;
pub use outcome::{Announced, Failure, Malformed, RetryIn, Scraped};
