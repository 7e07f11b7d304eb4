//! `[admin]`: where operators look.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// `[admin]`.
#[derive(Clone, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses to serve on; none turns it off.
    pub listen: Vec<SocketAddr>,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: vec![([127, 0, 0, 1], 6880).into()] }
    }
}
