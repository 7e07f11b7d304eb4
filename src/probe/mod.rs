//! The probe: one request to any tracker, over UDP or HTTP and either family, and what came of it.
//!
//! What answers may be hostile: how long it may take, how much it may send and how much of that is shown are bounded, and
//! no text of its reaches a terminal as it came. A probe leaves no peer: who announced is taken out again.

mod arguments;
mod conversation;
mod dns;
mod http;
mod report;
mod table;
mod target;
mod text;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::{join, net, time};

use crate::bittorrent::{Family, PerFamily, Retry};

pub use arguments::{Announce, Dns, Scrape};
pub use target::Target;

use arguments::Families;
use report::{Outcome, Probe};

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("cannot look up {host}: {reason}")]
    Unresolved { host: String, reason: String },
    #[error("{host} has no {family} address")]
    NoAddress { host: String, family: &'static str },
    #[error("this host has no way there: {0}")]
    NoRoute(io::Error),
    #[error("connection refused: nothing listens on that port")]
    Closed,
    #[error("no answer to {tries} within {waited}: nothing serves UDP there, or a firewall drops it")]
    Silent { tries: String, waited: String },
    #[error("{doing} took longer than {waited}")]
    Slow { doing: &'static str, waited: String },
    #[error("the tracker refuses: \"{reason}\"{}", again(retry))]
    Refused { reason: String, retry: Option<Retry> },
    #[error("not a tracker's answer: {0}")]
    Malformed(String),
    #[error("cannot be scraped: the last part of its path begins with neither \"announce\" nor \"scrape\" (BEP 48)")]
    NoScrape,
    #[error("{0}")]
    System(io::Error),
}

/// When a tracker says to come back.
fn again(retry: &Option<Retry>) -> String {
    match retry {
        None => String::new(),
        Some(Retry::Never) => "; it would again".into(),
        Some(Retry::InMinutes(minutes)) => format!("; come back in {minutes} min"),
    }
}

impl ProbeError {
    /// What the system says, where that is known to mean something.
    fn of_system(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Closed,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::AddrNotAvailable => {
                Self::NoRoute(error)
            }
            _ if error.raw_os_error() == Some(libc::EAFNOSUPPORT) => Self::NoRoute(error),
            _ => Self::System(error),
        }
    }

    /// Whether the tracker may have heard an announce all the same.
    fn may_have_been_heard(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::Slow { .. } | Self::Malformed(_) | Self::System(_))
    }
}

/// Asks each family that is asked for and has an address, at the same time.
///
/// A family that this host has no way to is passed over where it was not asked for by name and the other one answers.
async fn each_family<T>(
    target: &Target,
    families: Families,
    patience: Duration,
    ask: impl AsyncFn(SocketAddr) -> Result<T, ProbeError>,
) -> Vec<Probe<T>> {
    let addresses = match lookup(target, patience).await {
        Ok(addresses) => addresses,
        Err(error) => return vec![Probe { family: None, address: None, others: 0, outcome: Err(error).into() }],
    };
    let one = async |family: Family| {
        let (first, others) = addresses[family].split_first().filter(|_| families.include(family))?;
        let outcome = ask(*first).await.into();
        Some(Probe { family: Some(family), address: Some(*first), others: others.len(), outcome })
    };
    let (v4, v6) = join!(one(Family::V4), one(Family::V6));
    let mut probes: Vec<_> = [v4, v6].into_iter().flatten().collect();
    if probes.is_empty() {
        let error = ProbeError::NoAddress { host: target.host().into(), family: families.name() };
        return vec![Probe { family: None, address: None, others: 0, outcome: Err(error).into() }];
    }
    if families == Families::Any && probes.iter().any(|probe| matches!(probe.outcome, Outcome::Answered(_))) {
        probes.iter_mut().for_each(|probe| probe.outcome.pass_over());
    }
    probes
}

/// The addresses of a target by family, none twice.
async fn lookup(target: &Target, patience: Duration) -> Result<PerFamily<Vec<SocketAddr>>, ProbeError> {
    let host = target.host();
    let failed = |reason: String| ProbeError::Unresolved { host: host.into(), reason };
    let found = time::timeout(patience, net::lookup_host((host, target.port()))).await;
    let found = found.map_err(|_| failed("the name servers are silent".into()))?;
    let mut addresses = PerFamily::<Vec<SocketAddr>>::default();
    for address in found.map_err(|error| failed(error.to_string()))? {
        let of_family = &mut addresses[Family::of(address.ip())];
        if !of_family.contains(&address) {
            of_family.push(address);
        }
    }
    Ok(addresses)
}

/// Runs a probe to its end. A look-up that is still waited for is left behind: nothing can end it.
fn run<T>(probe: impl Future<Output = T>) -> io::Result<T> {
    let runtime: Runtime = Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(probe);
    runtime.shutdown_background();
    Ok(outcome)
}
