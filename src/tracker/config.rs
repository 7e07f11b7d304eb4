//! `[tracker]`: what clients are told and what is kept of them.

use serde::{Deserialize, Serialize};

use super::whole_seconds;
use crate::units::Period;

/// `[tracker]`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long clients wait between announces.
    pub announce_interval: Period,
    /// How long they wait at least.
    pub min_announce_interval: Period,
    /// The fraction by which each client's interval differs at random, from 0 to 0.5.
    pub interval_jitter: f64,
    /// How long a peer is kept after its last announce.
    pub peer_lifetime: Period,
    /// Peers returned to a client that names no number.
    pub default_numwant: u32,
    /// Peers returned at most.
    pub max_numwant: u32,
    /// Info hashes answered per UDP scrape.
    pub max_scrape_infohashes: usize,
    /// Whether peers with private, loopback and link-local addresses are stored; they are answered anyway.
    pub store_private_addresses: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            announce_interval: Period::minutes(30),
            min_announce_interval: Period::minutes(15),
            interval_jitter: 0.1,
            peer_lifetime: Period::minutes(50),
            default_numwant: 50,
            max_numwant: 200,
            max_scrape_infohashes: 74,
            store_private_addresses: true,
        }
    }
}

impl Config {
    /// Whether every value makes sense, by itself and beside the others.
    ///
    /// # Errors
    ///
    /// The first that does not.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_intervals()?;
        self.check_lifetime()?;
        self.check_sizes()
    }

    fn check_intervals(&self) -> Result<(), ConfigError> {
        let intervals = [
            ("announce_interval", self.announce_interval),
            ("min_announce_interval", self.min_announce_interval),
            ("peer_lifetime", self.peer_lifetime),
        ];
        for (key, interval) in intervals {
            if interval < SHORTEST || interval > LONGEST {
                let message = format!("\"{interval}\" is out of range; choose \"{SHORTEST}\" to \"{LONGEST}\"");
                return Err(ConfigError { key, message });
            }
        }
        if !(0.0..=MAX_JITTER).contains(&self.interval_jitter) {
            let message = format!("{} is out of range; choose 0 to {MAX_JITTER}", self.interval_jitter);
            return Err(ConfigError { key: "interval_jitter", message });
        }
        Ok(())
    }

    /// A client that does as it is told must neither come too early nor be forgotten between two announces.
    fn check_lifetime(&self) -> Result<(), ConfigError> {
        let (minimum, lifetime) = (self.min_announce_interval, self.peer_lifetime);
        let shortest = self.jittered(-self.interval_jitter);
        if minimum > shortest {
            let message = format!(
                "\"{minimum}\" is longer than the shortest interval a client may be told (\"{shortest}\"); lower it, or \
                 raise announce_interval"
            );
            return Err(ConfigError { key: "min_announce_interval", message });
        }
        let longest = self.jittered(self.interval_jitter);
        if lifetime <= longest {
            let relation = if lifetime < longest { "shorter" } else { "no longer" };
            let message = format!(
                "\"{lifetime}\" is {relation} than the longest interval a client may be told (\"{longest}\"); raise it, or \
                 lower announce_interval"
            );
            return Err(ConfigError { key: "peer_lifetime", message });
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), ConfigError> {
        if !(1..=MOST_PEERS).contains(&self.max_numwant) {
            let message = format!("{} is out of range; choose 1 to {MOST_PEERS}", self.max_numwant);
            return Err(ConfigError { key: "max_numwant", message });
        }
        if self.default_numwant > self.max_numwant {
            let message = format!("{} is more than max_numwant ({})", self.default_numwant, self.max_numwant);
            return Err(ConfigError { key: "default_numwant", message: message + "; lower it, or raise max_numwant" });
        }
        if !(1..=MOST_INFO_HASHES).contains(&self.max_scrape_infohashes) {
            let message = format!("{} is out of range; choose 1 to {MOST_INFO_HASHES}", self.max_scrape_infohashes);
            return Err(ConfigError { key: "max_scrape_infohashes", message });
        }
        Ok(())
    }

    /// The announce interval and a fraction of it, in whole seconds as clients are told.
    fn jittered(&self, fraction: f64) -> Period {
        let interval = self.announce_interval.0.as_secs_f64();
        Period::seconds(whole_seconds(interval * (1.0 + fraction)).into())
    }
}

/// Clients are told whole seconds.
const SHORTEST: Period = Period::seconds(1);

/// Longer than anyone waits, and with any jitter within the 32 bits that carry an interval.
const LONGEST: Period = Period::minutes(365 * 24 * 60);

/// Beyond this, the shortest and the longest interval have little to do with what was configured.
const MAX_JITTER: f64 = 0.5;

/// What a UDP reply to an IPv4 client has room for without being fragmented (BEP 15).
const MOST_PEERS: u32 = 200;

/// What a UDP scrape has room for (BEP 15: "up to about 74 torrents can be scraped at once").
const MOST_INFO_HASHES: usize = 74;

/// A value out of its range, or one that contradicts another.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// The key at fault, within this module's table.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}
