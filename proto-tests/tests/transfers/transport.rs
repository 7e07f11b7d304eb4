//! The two ways to ask a tracker, and to ask it what it counts.

use std::net::SocketAddr;
use std::time::Duration;

use tracker_client::{Scraped, http, udp};

/// How clients ask the tracker.
#[derive(Clone, Copy)]
pub(crate) enum Transport {
    /// BEP 3, BEP 48.
    Http,
    /// BEP 15.
    Udp,
}

impl Transport {
    pub(crate) fn announce_url(self, tracker: SocketAddr) -> String {
        match self {
            Self::Http => format!("http://{tracker}/announce"),
            Self::Udp => format!("udp://{tracker}/announce"),
        }
    }

    /// What the tracker counts in its own host's family, asked by one that is no peer.
    pub(crate) fn scrape(self, tracker: SocketAddr, info_hash: [u8; 20]) -> Scraped {
        let scraped = match self {
            Self::Http => http::Client::new(tracker.ip(), tracker, TIMEOUT).scrape("/scrape", &[info_hash]),
            Self::Udp => {
                let client = udp::Client::new(tracker.ip(), tracker, TIMEOUT);
                client.expect("a UDP socket can be bound").scrape(&[info_hash])
            }
        };
        match scraped.as_deref() {
            Ok([scraped]) => *scraped,
            other => panic!("a scrape of one torrent got {other:?}"),
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(5);
