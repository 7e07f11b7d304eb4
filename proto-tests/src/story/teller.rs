//! The ways to a tracker.

use std::net::IpAddr;
use std::time::Duration;

use tracker_client::{Announce, Announced, Failure, Family, Scraped, http, udp};

use crate::tracker::Tracker;

/// One who can ask a tracker, whatever the transport.
pub trait Teller {
    /// Announces a peer.
    fn announce(&mut self, announce: &Announce) -> Result<Announced, Failure>;

    /// Scrapes one torrent.
    fn scrape(&mut self, info_hash: [u8; 20]) -> Result<Scraped, Failure>;
}

impl Teller for udp::Client {
    fn announce(&mut self, announce: &Announce) -> Result<Announced, Failure> {
        self.announce(announce)
    }

    fn scrape(&mut self, info_hash: [u8; 20]) -> Result<Scraped, Failure> {
        self.scrape(&[info_hash]).map(only)
    }
}

impl Teller for http::Client {
    fn announce(&mut self, announce: &Announce) -> Result<Announced, Failure> {
        self.announce("/announce", announce)
    }

    fn scrape(&mut self, info_hash: [u8; 20]) -> Result<Scraped, Failure> {
        self.scrape("/scrape", &[info_hash]).map(only)
    }
}

fn only(torrents: Vec<Scraped>) -> Scraped {
    assert_eq!(torrents.len(), 1, "one torrent was asked for");
    torrents[0]
}

/// A transport and a family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Way {
    /// Over UDP or over HTTP.
    pub transport: Transport,
    /// Over IPv4 or over IPv6.
    pub family: Family,
}

/// How requests travel.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// BEP 15.
    Udp,
    /// BEP 3.
    Http,
}

/// UDP over IPv4.
pub const UDP4: Way = Way { transport: Transport::Udp, family: Family::V4 };
/// UDP over IPv6.
pub const UDP6: Way = Way { transport: Transport::Udp, family: Family::V6 };
/// HTTP over IPv4.
pub const HTTP4: Way = Way { transport: Transport::Http, family: Family::V4 };
/// HTTP over IPv6.
pub const HTTP6: Way = Way { transport: Transport::Http, family: Family::V6 };

/// Every way there is.
pub const EVERY_WAY: [Way; 4] = [UDP4, UDP6, HTTP4, HTTP6];

impl Way {
    /// A client that goes this way from a host.
    pub fn teller(self, tracker: &Tracker, host: IpAddr) -> Box<dyn Teller> {
        match self.transport {
            Transport::Udp => {
                let client = udp::Client::new(host, tracker.udp(self.family), PATIENCE);
                Box::new(client.unwrap_or_else(|error| panic!("cannot ask from {host}: {error}")))
            }
            Transport::Http => Box::new(http::Client::new(host, tracker.http(self.family), PATIENCE)),
        }
    }
}

/// For one answer, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
