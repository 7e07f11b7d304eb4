//! The configuration: the sum of each module's own.
//!
//! A value is its default, unless the file sets it, unless the environment overrides that:
//! `CHIHAYA__UDP__LISTEN=127.0.0.1:6969` is `listen` in `[udp]`. What a driver of the store takes is known from its
//! [defaults](crate::storage::Driver::defaults), so that its table is read and refused like every other.

mod check;
mod load;
mod problem;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::log::Log;
use crate::storage::{Drivers, Limits, Settings};
use crate::{admin, http, tracker, udp};

pub use problem::{Fault, Place, Problem};

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[server]`: the process.
    pub server: Server,
    /// `[tracker]`: what clients are told and what is kept of them.
    pub tracker: tracker::Config,
    /// `[udp]`: the UDP frontend.
    pub udp: udp::Config,
    /// `[http]`: the HTTP frontend.
    pub http: http::Config,
    /// `[storage]`: the data store.
    pub storage: Storage,
    /// `[limits]`: how much one source may bring in.
    pub limits: Limits,
    /// `[admin]`: where operators look.
    pub admin: admin::Config,
    /// `[log]`: what is logged, and how.
    pub log: Log,
}

/// `[server]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Threads that serve requests; 0: one per core.
    pub workers: usize,
    /// The host in the announce URLs that are logged; empty: the addresses of the interfaces.
    pub public_host: String,
    /// Whom to turn to, as the status page says.
    pub contact: String,
}

/// `[storage]`, and in it one table per driver.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
pub struct Storage {
    /// The driver in use.
    pub driver: String,
    /// The settings of every known driver by its name, `[storage.NAME]`.
    #[serde(flatten)]
    pub tables: BTreeMap<String, toml::Table>,
}

impl Default for Config {
    /// The defaults, with the drivers that come with chihaya.
    fn default() -> Self {
        Self::with(&Drivers::builtin())
    }
}

impl Config {
    /// The defaults, with these drivers.
    pub fn with(drivers: &Drivers) -> Self {
        Self {
            server: Server::default(),
            tracker: tracker::Config::default(),
            udp: udp::Config::default(),
            http: http::Config::default(),
            storage: Storage {
                driver: "memory".into(),
                tables: drivers.iter().map(|driver| (driver.name().into(), driver.defaults())).collect(),
            },
            limits: Limits::default(),
            admin: admin::Config::default(),
            log: Log::default(),
        }
    }

    /// Reads the file, if there is one, and the environment, over the defaults; checks the result as a whole.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its place and its key; contradictions only once every value can be read.
    pub fn load(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        drivers: &Drivers,
    ) -> Result<Self, Problem> {
        let text = file.map(load::read).transpose()?;
        Self::parse(file.zip(text.as_deref()), environment, drivers)
    }

    /// The same with the file already read: its path, for the faults, and its text.
    ///
    /// # Errors
    ///
    /// Those of [`load`](Self::load).
    pub fn parse(
        file: Option<(&Path, &str)>,
        environment: impl Iterator<Item = (String, String)>,
        drivers: &Drivers,
    ) -> Result<Self, Problem> {
        load::parse(file, environment, drivers)
    }

    /// The TXT record that tells clients of the ports that are served, UDP first as it costs less (BEP 34).
    pub fn dns_record(&self) -> String {
        let mut words = vec!["BITTORRENT".to_owned()];
        for (transport, addresses) in [("UDP", &self.udp.listen), ("TCP", &self.http.listen)] {
            let ports: BTreeSet<_> = addresses.iter().map(SocketAddr::port).filter(|port| *port != 0).collect();
            words.extend(ports.iter().map(|port| format!("{transport}:{port}")));
        }
        words.join(" ")
    }

    /// The configuration as a file that loads as the same configuration.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a checked configuration has no number beyond TOML's")
    }
}

impl Storage {
    /// The settings of the driver in use.
    pub fn settings(&self) -> Settings {
        Settings(self.tables.get(&self.driver).cloned().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
