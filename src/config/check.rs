//! What no module can see alone: values that contradict those of another, and the drivers' own checks.

use std::collections::HashSet;
use std::net::{Ipv6Addr, SocketAddr};

use super::{Config, Server};
use crate::storage::{Drivers, Limits};
use crate::tracker::ConfigError;

/// A key in full and what is wrong with its value.
type Contradiction = (String, String);

impl Config {
    /// What is wrong with values that can be read: with each table by itself, and with one beside the other.
    pub(super) fn contradictions(&self, drivers: &Drivers) -> Vec<Contradiction> {
        let tables = [
            ("server", self.server.check()),
            ("tracker", self.tracker.check()),
            ("udp", self.udp.check()),
            ("http", self.http.check()),
            ("limits", check_limits(self.limits)),
        ];
        let of_a_table = |(table, verdict): (&str, Result<(), ConfigError>)| {
            verdict.err().map(|error| (format!("{table}.{}", error.key), error.message))
        };
        let mut all: Vec<_> = tables.into_iter().filter_map(of_a_table).collect();
        all.extend(self.check_listening());
        all.extend(self.check_driver(drivers));
        all
    }

    fn check_listening(&self) -> Vec<Contradiction> {
        let lists = [
            ("udp.listen", &self.udp.listen),
            ("http.listen", &self.http.listen),
            ("admin.listen", &self.admin.listen),
        ];
        let wrong = lists.into_iter().flat_map(|(key, addresses)| {
            let wrong = [mapped(addresses), repeated(addresses), covered(addresses)];
            wrong.into_iter().flatten().map(|message| (key.into(), message))
        });
        let nothing = (self.udp.listen.is_empty() && self.http.listen.is_empty())
            .then(|| ("udp.listen".into(), "is empty, and http.listen too; name an address to serve on".into()));
        let shared = shared(&self.admin.listen, &self.http.listen).map(|message| ("admin.listen".into(), message));
        wrong.chain(nothing).chain(shared).collect()
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

fn check_limits(limits: Limits) -> Result<(), ConfigError> {
    let Limits { new_entries_per_second: per_second, new_entries_burst: burst, .. } = limits;
    if burst < per_second {
        let message = format!(
            "{burst} leaves no room for a second's new_entries_per_second = {per_second}; choose as many at least"
        );
        return Err(ConfigError { key: "new_entries_burst", message });
    }
    Ok(())
}

/// What is wrong with an IPv4 address in the form of an IPv6 one: no socket of that family receives for it.
fn mapped(addresses: &[SocketAddr]) -> Option<String> {
    addresses.iter().find_map(|address| match address.ip().to_canonical() {
        canonical if canonical == address.ip() => None,
        canonical => Some(format!(
            "{address} is an IPv4 address in the form of IPv6; write \"{}\"",
            SocketAddr::new(canonical, address.port())
        )),
    })
}

/// What is wrong with an address that is listed twice. Port 0 may be: each time it is another port.
fn repeated(addresses: &[SocketAddr]) -> Option<String> {
    let mut seen = HashSet::new();
    let twice = addresses.iter().find(|address| address.port() != 0 && !seen.insert(**address))?;
    Some(format!("{twice} is listed twice; remove one"))
}

/// What is wrong with an address beside the wildcard of its family and port.
fn covered(addresses: &[SocketAddr]) -> Option<String> {
    let covers = |all: &SocketAddr, one: &SocketAddr| {
        all.ip().is_unspecified()
            && !one.ip().is_unspecified()
            && all.is_ipv4() == one.is_ipv4()
            && all.port() == one.port()
            && one.port() != 0
    };
    addresses.iter().find_map(|one| {
        let all = addresses.iter().find(|all| covers(all, one))?;
        Some(format!("{one} is part of {all} already; remove one"))
    })
}

/// What is wrong with an address that is to serve operators and clients.
fn shared(admin: &[SocketAddr], http: &[SocketAddr]) -> Option<String> {
    let address = admin.iter().find(|address| address.port() != 0 && http.contains(address))?;
    Some(format!("{address} is in http.listen already; choose another port"))
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
