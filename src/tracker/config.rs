//! `[tracker]`: what clients are told and what is kept of them.

use serde::{Deserialize, Serialize};

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

/// A value out of its range, or one that contradicts another.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// The key at fault, within this module's table.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}
