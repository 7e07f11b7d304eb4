//! What is asked of the probe on the command line.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::{Args, ValueEnum};

use super::conversation::Conversation;
use super::report::{Announced, Report, Scraped};
use super::{Target, dns, each_family, run};
use crate::bittorrent::{self, Endpoint, Event, Family, InfoHash, PeerId};
use crate::units::Period;
use crate::wire::dns::{NameError, txt_query};

/// How to reach a tracker, and how to tell of it.
#[derive(Args, Clone, Debug)]
struct Common {
    /// Over IPv4 alone
    #[arg(short = '4', long, conflicts_with = "ipv6")]
    ipv4: bool,
    /// Over IPv6 alone
    #[arg(short = '6', long)]
    ipv6: bool,
    /// How long a family may take, from the first packet to the answer
    #[arg(long, value_name = "TIME", default_value = "7s", value_parser = patience)]
    timeout: Period,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What `chihaya announce` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = STATUS)]
pub struct Announce {
    /// Announce URL: udp://HOST:PORT/PATH or http://HOST:PORT/PATH
    url: Target,
    /// Torrent, 40 hexadecimal digits; without one a random torrent, which nobody has
    #[arg(long, value_name = "HASH", value_parser = info_hash)]
    hash: Option<InfoHash>,
    /// Port to announce
    #[arg(long, value_name = "PORT", default_value_t = 6881)]
    port: u16,
    /// Peers to ask for; without one the tracker chooses
    #[arg(long, value_name = "NUMBER")]
    numwant: Option<u32>,
    /// Event to announce
    #[arg(long, value_name = "EVENT", default_value = "started")]
    event: EventName,
    /// Bytes to say are lacking; 0 announces a seeder
    #[arg(long, value_name = "BYTES", default_value_t = 1)]
    left: u64,
    /// Stay in the swarm; otherwise event=stopped follows, so that no peer is left behind
    #[arg(long)]
    stay: bool,
    #[command(flatten)]
    common: Common,
}

/// What `chihaya scrape` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = STATUS)]
pub struct Scrape {
    /// Announce or scrape URL: udp://HOST:PORT/PATH or http://HOST:PORT/PATH
    url: Target,
    /// Torrents, 40 hexadecimal digits each
    #[arg(value_name = "HASH", required = true, num_args = 1..=MOST_HASHES, value_parser = info_hash)]
    hashes: Vec<InfoHash>,
    #[command(flatten)]
    common: Common,
}

/// What `chihaya dns` takes.
#[derive(Args, Clone, Debug)]
#[command(after_help = DNS_STATUS)]
pub struct Dns {
    /// Host name of a tracker
    #[arg(value_parser = name)]
    pub(super) name: String,
    /// Name server to ask, ADDRESS or ADDRESS:PORT, in place of those in /etc/resolv.conf
    #[arg(long, value_name = "SERVER", value_parser = server)]
    pub(super) server: Option<SocketAddr>,
    /// How long to wait for an answer
    #[arg(long, value_name = "TIME", default_value = "7s", value_parser = patience)]
    pub(super) timeout: Period,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Announce {
    /// Announces, leaves again, and prints what came back; returns whether all went well.
    ///
    /// # Errors
    ///
    /// When the result cannot be printed, or the system refuses a runtime.
    pub fn run(&self, out: &mut impl io::Write) -> io::Result<bool> {
        let announce = bittorrent::Announce {
            info_hash: self.hash.unwrap_or_else(|| InfoHash(rand::random())),
            peer_id: peer_id(),
            peer: Endpoint::new(Ipv4Addr::UNSPECIFIED.into(), self.port),
            left: self.left,
            event: self.event.into(),
            num_want: self.numwant,
        };
        let patience = self.common.timeout.0;
        let probes = run(each_family(&self.url, self.common.families(), patience, async |address| {
            Conversation::new(&self.url, address, patience).announce(&announce, self.stay).await
        }))?;
        Report::<Announced>::new(&self.url, &[announce.info_hash], probes).print(out, self.common.json)
    }
}

impl Scrape {
    /// Scrapes, and prints what came back; returns whether all went well.
    ///
    /// # Errors
    ///
    /// When the result cannot be printed, or the system refuses a runtime.
    pub fn run(&self, out: &mut impl io::Write) -> io::Result<bool> {
        let patience = self.common.timeout.0;
        let probes = run(each_family(&self.url, self.common.families(), patience, async |address| {
            Conversation::new(&self.url, address, patience).scrape(&self.hashes).await
        }))?;
        Report::<Scraped>::new(&self.url, &self.hashes, probes).print(out, self.common.json)
    }
}

impl Dns {
    /// Asks for the name's record and prints it beside `ours`, which this tracker should have; returns whether there is one.
    ///
    /// # Errors
    ///
    /// When the result cannot be printed, or the system refuses a runtime.
    pub fn run(&self, ours: &str, out: &mut impl io::Write) -> io::Result<bool> {
        let found = run(dns::ask(&self.name, self.server, self.timeout.0))?;
        dns::print(&self.name, ours, found, self.json, out)
    }
}

impl Common {
    fn families(&self) -> Families {
        match (self.ipv4, self.ipv6) {
            (true, _) => Families::Only(Family::V4),
            (_, true) => Families::Only(Family::V6),
            _ => Families::Any,
        }
    }
}

/// Which families are to be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Families {
    /// Whichever the target has.
    Any,
    /// This one, or it is a failure.
    Only(Family),
}

impl Families {
    pub(super) fn include(self, family: Family) -> bool {
        self == Self::Any || self == Self::Only(family)
    }

    /// In messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Any => "IPv4 or IPv6",
            Self::Only(Family::V4) => "IPv4",
            Self::Only(Family::V6) => "IPv6",
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EventName {
    Started,
    Completed,
    Stopped,
    Paused,
    None,
}

impl From<EventName> for Event {
    fn from(name: EventName) -> Self {
        match name {
            EventName::Started => Self::Started,
            EventName::Completed => Self::Completed,
            EventName::Stopped => Self::Stopped,
            EventName::Paused => Self::Paused,
            EventName::None => Self::None,
        }
    }
}

/// Of a client that is this program (BEP 20), and of this run.
fn peer_id() -> PeerId {
    let mut id = [0; 20];
    let letters = *b"0123456789abcdefghijklmnopqrstuvwxyz";
    id.fill_with(|| letters[rand::random_range(0..letters.len())]);
    id[..CLIENT.len()].copy_from_slice(CLIENT);
    PeerId(id)
}

fn info_hash(text: &str) -> Result<InfoHash, String> {
    let byte = |pair: &[u8]| {
        let digits =
            std::str::from_utf8(pair).ok().filter(|_| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit))?;
        u8::from_str_radix(digits, 16).ok()
    };
    let bytes: Option<Vec<_>> = text.as_bytes().chunks(2).map(byte).collect();
    let hash = bytes.and_then(|bytes| bytes.try_into().ok());
    hash.map(InfoHash).ok_or_else(|| "an info hash is 40 hexadecimal digits".into())
}

fn name(text: &str) -> Result<String, NameError> {
    txt_query(0, text).map(|_| text.into())
}

fn patience(text: &str) -> Result<Period, String> {
    let period: Period = text.parse().map_err(|error: crate::units::UnitError| error.to_string())?;
    let bounds = Period::seconds(1)..=Period::minutes(10);
    if bounds.contains(&period) { Ok(period) } else { Err("choose \"1s\" to \"10m\"".into()) }
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let alone = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, dns::PORT));
    alone
        .or_else(|_| text.parse())
        .map_err(|_| "write an address like 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53".into())
}

/// This program in the form of BEP 20.
const CLIENT: &[u8; 8] = b"-CH0100-";

/// As many as fit a UDP scrape (BEP 15, "Scrape request").
const MOST_HASHES: usize = 74;

const STATUS: &str = "\
Each family that the host has an address of is asked by itself: -4 or -6 names one. A family that this
machine has no way to is passed over, unless it is named or the only one. Redirects are not followed.

Exit status: 0 if every family asked has answered, 1 if one has not, 2 for wrong arguments.";

const DNS_STATUS: &str = "\
The record (BEP 34) tells clients on which ports of a host trackers are, whatever a torrent says. The one
that fits the configuration (--config FILE) is printed beside it.

Exit status: 0 if there is a record, 1 if there is none or no answer, 2 for wrong arguments.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_info_hash_is_40_digits() {
        assert_eq!(info_hash(&"0aF".repeat(14)[..40]).unwrap().0[..3], [0x0a, 0xf0, 0xaf]);
        for text in ["", &"a".repeat(39), &"a".repeat(42), &format!("+{}", "a".repeat(39)), &"é".repeat(20)] {
            assert!(info_hash(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_peer_id_says_who_it_is_and_differs() {
        assert!(peer_id().0.starts_with(b"-CH0100-"));
        assert_ne!(peer_id(), peer_id());
    }

    #[test]
    fn a_server_has_a_port_or_the_usual_one() {
        assert_eq!(server("192.0.2.1"), Ok(([192, 0, 2, 1], 53).into()));
        assert_eq!(server("::1"), Ok("[::1]:53".parse().unwrap()));
        assert_eq!(server("[::1]:5353"), Ok("[::1]:5353".parse().unwrap()));
        assert!(server("localhost").is_err());
    }

    #[test]
    fn patience_has_bounds() {
        assert_eq!(patience("1s"), Ok(Period::seconds(1)));
        for text in ["0s", "999ms", "11m", "5", ""] {
            assert!(patience(text).is_err(), "{text}");
        }
    }
}
