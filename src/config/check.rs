//! What no module can see alone: values that contradict those of another, and the drivers' own checks.

use std::collections::HashSet;
use std::net::{Ipv6Addr, SocketAddr};

use super::{Config, Server};
use crate::storage::Drivers;
use crate::tracker::ConfigError;

/// A key in full and what is wrong with its value.
type Contradiction = (String, String);

impl Config {
    /// What is wrong with values that can be read: with each table by itself, and with one beside the other.
    pub(super) fn contradictions(&self, drivers: &Drivers) -> Vec<Contradiction> {
        let tables = [("server", self.server.check()), ("tracker", self.tracker.check()), ("udp", self.udp.check())];
        let of_a_table = |(table, verdict): (&str, Result<(), ConfigError>)| {
            verdict.err().map(|error| (format!("{table}.{}", error.key), error.message))
        };
        let mut all: Vec<_> = tables.into_iter().filter_map(of_a_table).collect();
        all.extend(self.check_listening());
        all.extend(self.check_driver(drivers));
        all
    }

    fn check_listening(&self) -> Vec<Contradiction> {
        let twice = [("udp.listen", &self.udp.listen), ("http.listen", &self.http.listen)].map(|(key, addresses)| {
            repeated(addresses).map(|twice| (key.into(), format!("{twice} is listed twice; remove one")))
        });
        let nothing = (self.udp.listen.is_empty() && self.http.listen.is_empty())
            .then(|| ("udp.listen".into(), "is empty, and http.listen too; name an address to serve on".into()));
        twice.into_iter().chain([nothing]).flatten().collect()
    }

    fn check_driver(&self, drivers: &Drivers) -> Option<Contradiction> {
        let name = &self.storage.driver;
        let Some(driver) = drivers.find(name) else {
            let known: Vec<_> = drivers.iter().map(|driver| driver.name()).collect();
            let message = format!("\"{name}\" is not a driver; known drivers: {}", known.join(", "));
            return Some(("storage.driver".into(), message));
        };
        let error = driver.check(&self.storage.settings()).err()?;
        Some((format!("storage.{name}.{}", error.key), error.message))
    }
}

impl Server {
    fn check(&self) -> Result<(), ConfigError> {
        if self.workers > MAX_WORKERS {
            let message = format!("{} is too many; choose 0 (one per core) to {MAX_WORKERS}", self.workers);
            return Err(ConfigError { key: "workers", message });
        }
        if !self.public_host.is_empty() && !is_host(&self.public_host) {
            let message = format!(
                "\"{}\" is not a host; write a name, an IPv4 address, or an IPv6 address in brackets, and no port",
                self.public_host
            );
            return Err(ConfigError { key: "public_host", message });
        }
        Ok(())
    }
}

/// An address that is listed twice. Port 0 may be: each time it is another port.
fn repeated(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    let mut seen = HashSet::new();
    addresses.iter().copied().find(|address| address.port() != 0 && !seen.insert(*address))
}

/// Whether a text can stand between `//` and `:port` in a URL.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    }
}

/// More threads than any machine has cores for; a slip of the finger, not a wish.
const MAX_WORKERS: usize = 1_024;
