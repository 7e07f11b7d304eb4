//! What came back, as values and as JSON.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::table::{self, Rows};
use super::{ProbeError, Target};
use crate::bittorrent::{Counts, Endpoint, Family, InfoHash};
use crate::wire::http::File;

/// How long an answer took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Timing {
    /// From the first packet to the answer.
    pub(super) milliseconds: f64,
    /// To the connection, or to the connection id.
    pub(super) connect_milliseconds: Option<f64>,
    /// Packets sent over UDP, those that were not answered among them; 1 over HTTP.
    pub(super) tries: u32,
}

/// An announce's answer; what the tracker left out is `None`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Announced {
    #[serde(flatten)]
    pub(super) timing: Timing,
    pub(super) interval_seconds: Option<u64>,
    pub(super) min_interval_seconds: Option<u64>,
    pub(super) seeders: Option<u64>,
    pub(super) leechers: Option<u64>,
    pub(super) completed: Option<u64>,
    pub(super) peers: Vec<SocketAddr>,
    /// Peers that are told by a name.
    pub(super) other_peers: usize,
    /// Bytes behind the last peer of a UDP reply, too few for another of its family.
    pub(super) stray_bytes: usize,
    pub(super) external_address: Option<IpAddr>,
    pub(super) tracker_id: Option<String>,
    pub(super) warning: Option<String>,
    /// Whether the tracker has let us go again; `None` where it was not asked to.
    pub(super) left: Option<bool>,
}

/// A scrape's answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Scraped {
    #[serde(flatten)]
    pub(super) timing: Timing,
    pub(super) min_interval_seconds: Option<u64>,
    pub(super) torrents: Vec<ScrapedTorrent>,
}

/// One torrent of it; `None` where the tracker does not say.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ScrapedTorrent {
    pub(super) info_hash: String,
    pub(super) seeders: Option<u64>,
    pub(super) leechers: Option<u64>,
    pub(super) completed: Option<u64>,
    pub(super) downloaders: Option<u64>,
}

impl ScrapedTorrent {
    /// Over UDP, which does not tell who of the leechers still downloads.
    pub(super) fn told(info_hash: InfoHash, counts: Counts) -> Self {
        let [seeders, leechers, completed] =
            [counts.seeders, counts.leechers, counts.completed].map(|count| Some(count.into()));
        Self { info_hash: hexadecimal(info_hash), seeders, leechers, completed, downloaders: None }
    }

    /// Over HTTP, where a tracker leaves out what it does not know.
    pub(super) fn of_file(info_hash: InfoHash, file: Option<File>) -> Self {
        let File { seeders, leechers, completed, downloaders } = file.unwrap_or_default();
        Self { info_hash: hexadecimal(info_hash), seeders, leechers, completed, downloaders }
    }
}

/// What came of one family.
pub(super) enum Outcome<T> {
    Answered(T),
    Failed(ProbeError),
    /// Not counted: this host has no way there.
    PassedOver(ProbeError),
}

impl<T> From<Result<T, ProbeError>> for Outcome<T> {
    fn from(result: Result<T, ProbeError>) -> Self {
        result.map_or_else(Self::Failed, Self::Answered)
    }
}

impl<T> Outcome<T> {
    /// Has a failure that is this host's alone not count.
    pub(super) fn pass_over(&mut self) {
        if let Self::Failed(ProbeError::NoRoute(error)) = self {
            let error = io::Error::from(error.kind());
            *self = Self::PassedOver(ProbeError::NoRoute(error));
        }
    }
}

/// One family's probe; without a family where it did not come to that.
pub(super) struct Probe<T> {
    pub(super) family: Option<Family>,
    pub(super) address: Option<SocketAddr>,
    /// Further addresses of this family, which were not asked.
    pub(super) others: usize,
    pub(super) outcome: Outcome<T>,
}

impl<T: Serialize> Serialize for Probe<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a, T> {
            family: Option<&'static str>,
            address: Option<SocketAddr>,
            #[serde(skip_serializing_if = "Option::is_none")]
            answer: Option<&'a T>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            passed_over: Option<String>,
        }
        let (mut answer, mut error, mut passed_over) = (None, None, None);
        match &self.outcome {
            Outcome::Answered(told) => answer = Some(told),
            Outcome::Failed(why) => error = Some(why.to_string()),
            Outcome::PassedOver(why) => passed_over = Some(why.to_string()),
        }
        let family = self.family.map(family_name);
        Form { family, address: self.address, answer, error, passed_over }.serialize(serializer)
    }
}

/// All of it.
#[derive(Serialize)]
pub(super) struct Report<'a, T> {
    #[serde(serialize_with = "display")]
    pub(super) url: &'a Target,
    pub(super) info_hashes: Vec<String>,
    pub(super) success: bool,
    pub(super) probes: Vec<Probe<T>>,
}

impl<'a, T: Serialize + Rows> Report<'a, T> {
    pub(super) fn new(url: &'a Target, info_hashes: &[InfoHash], probes: Vec<Probe<T>>) -> Self {
        let success = !probes.iter().any(|probe| matches!(probe.outcome, Outcome::Failed(_)));
        Self { url, info_hashes: info_hashes.iter().copied().map(hexadecimal).collect(), success, probes }
    }

    /// Prints it; returns whether the probe was a success.
    pub(super) fn print(&self, out: &mut impl io::Write, json: bool) -> io::Result<bool> {
        if json {
            serde_json::to_writer_pretty(&mut *out, self)?;
            writeln!(out)?;
        } else {
            out.write_all(table::written(self).as_bytes())?;
        }
        Ok(self.success)
    }
}

fn display<S: Serializer>(url: &Target, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(url)
}

pub(super) fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}

/// Endpoints as the standard library has them.
pub(super) fn sockets(endpoints: impl IntoIterator<Item = Endpoint>) -> Vec<SocketAddr> {
    endpoints.into_iter().map(|endpoint| SocketAddr::new(endpoint.address(), endpoint.port())).collect()
}

/// To a hundredth: what a network does is no more exact.
pub(super) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

fn hexadecimal(info_hash: InfoHash) -> String {
    format!("{info_hash:?}")
}
