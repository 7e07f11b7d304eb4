//! One family's probe, whichever the transport.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::report::{Announced, Scraped};
use super::target::Transport;
use super::{ProbeError, Target, http, udp};
use crate::bittorrent::{self, Event, InfoHash};

/// A tracker at one of its addresses.
pub(super) struct Conversation<'a> {
    target: &'a Target,
    address: SocketAddr,
    patience: Duration,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(target: &'a Target, address: SocketAddr, patience: Duration) -> Self {
        Self { target, address, patience }
    }

    /// Announces, and unless it is to stay, leaves again: also where the answer was lost or none.
    pub(super) async fn announce(&self, announce: &bittorrent::Announce, stay: bool) -> Result<Announced, ProbeError> {
        let start = Instant::now();
        let stopped = bittorrent::Announce { event: Event::Stopped, num_want: Some(0), ..*announce };
        let leaves = !stay && announce.event != Event::Stopped;
        let (asked, left) = match self.target.transport() {
            Transport::Udp => {
                let mut tracker = udp::Client::connect(self.address, start + self.patience).await?;
                let asked = tracker.announce(announce, self.target.path()).await;
                let left = if leaves && heard(&asked) {
                    tracker.deadline = Instant::now() + LEAVE_PATIENCE;
                    Some(tracker.announce(&stopped, self.target.path()).await.is_ok())
                } else {
                    None
                };
                (asked, left)
            }
            Transport::Http => {
                let client = http::Client { target: self.target, address: self.address };
                let asked = client.announce(announce, self.patience).await;
                let left = if leaves && heard(&asked) {
                    Some(client.announce(&stopped, LEAVE_PATIENCE).await.is_ok())
                } else {
                    None
                };
                (asked, left)
            }
        };
        asked.map(|announced| Announced { left, ..announced })
    }

    pub(super) async fn scrape(&self, info_hashes: &[InfoHash]) -> Result<Scraped, ProbeError> {
        match self.target.transport() {
            Transport::Udp => {
                let deadline = Instant::now() + self.patience;
                udp::Client::connect(self.address, deadline).await?.scrape(info_hashes).await
            }
            Transport::Http => {
                let client = http::Client { target: self.target, address: self.address };
                client.scrape(info_hashes, self.patience).await
            }
        }
    }
}

fn heard<T>(asked: &Result<T, ProbeError>) -> bool {
    asked.as_ref().err().is_none_or(ProbeError::may_have_been_heard)
}

/// How long a tracker that has answered may take to let us go.
const LEAVE_PATIENCE: Duration = Duration::from_secs(2);
