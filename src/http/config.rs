//! `[http]`: where connections are accepted, and their limits.

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::units::Period;

/// `[http]`.
#[derive(Clone, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses to accept on; none turns HTTP off.
    pub listen: Vec<SocketAddr>,
    /// Path of announces.
    pub announce_path: String,
    /// Path of scrapes.
    pub scrape_path: String,
    /// From a request's first byte until its answer has been written.
    pub request_timeout: Period,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Period,
    /// Connections open at once, over all workers.
    pub max_connections: usize,
    /// Networks whose `real_ip_header` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which a trusted proxy names the client.
    pub real_ip_header: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![([0, 0, 0, 0], 6969).into(), ([0_u16; 8], 6969).into()],
            announce_path: "/announce".into(),
            scrape_path: "/scrape".into(),
            request_timeout: Period::seconds(5),
            idle_timeout: Period::seconds(30),
            max_connections: 16_384,
            trusted_proxies: Vec::new(),
            real_ip_header: "x-forwarded-for".into(),
        }
    }
}
