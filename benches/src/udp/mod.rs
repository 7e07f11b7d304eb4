//! Clients of UDP trackers by the dozen (BEP 15), on the independent codec and in batched system calls.
//!
//! [`Clients`] is who asks, [`Script`] what; [`closed`] asks as fast as answers come, [`paced`] at a rate of its own.

mod batch;
mod clients;
pub mod closed;
pub mod paced;
pub mod scripts;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tracker_client::Failure;
use tracker_client::udp::Client;

pub use batch::BURST;
pub use clients::{Clients, Request};
pub use tracker_client::udp::Envelope;

/// Whether a tracker hands out connection ids at this address: one try, for [`Server::start`](crate::server::Server).
///
/// # Errors
///
/// Why it does not.
pub fn answers(server: SocketAddr) -> Result<(), Failure> {
    let local = SocketAddr::new(server.ip(), 0);
    Client::bind(local, server, Duration::from_millis(200))?.connect()?;
    Ok(())
}

/// What a generator asks, and what it makes of the replies.
pub trait Script {
    /// The next request of one of the clients; `None` if it has none left.
    fn next(&mut self, client: u32) -> Option<Request>;

    /// Takes note of a reply.
    ///
    /// # Errors
    ///
    /// If it cannot be one.
    fn replied(&mut self, _request: Request, _reply: &Envelope<'_>) -> Result<()> {
        Ok(())
    }
}

/// What came of many requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Requests, not counting those sent again.
    pub sent: u64,
    /// Requests that had their reply.
    pub answered: u64,
    /// Replies of another length than the fill and BEP 15 let expect.
    pub other_length: u64,
    /// Bytes of all replies.
    pub reply_bytes: u64,
    /// Requests that were sent again for want of a reply.
    pub resent: u64,
    /// Looks at a socket that had nothing: 0 would mean that the server waited for the generator.
    pub idle_looks: u64,
}

impl Tally {
    /// Requests that had no reply.
    pub fn lost(&self) -> u64 {
        self.sent - self.answered
    }

    /// Counts a reply.
    fn reply(&mut self, length: usize, expected: usize) {
        self.answered += 1;
        self.reply_bytes += length as u64;
        self.other_length += u64::from(length != expected);
    }
}
