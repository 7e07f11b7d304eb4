//! `[http]`: where connections are accepted, and their limits.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HeaderName;
use hyper::http::uri::PathAndQuery;
use ipnet::IpNet;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use tokio::sync::Semaphore;

use crate::tracker::ConfigError;
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
    /// Networks whose `real_ip_header` is believed; a single address is a network of one.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which a trusted proxy names the client.
    pub real_ip_header: String,
    /// Path of the status page; empty where there is none.
    pub status_path: String,
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
            status_path: String::new(),
        }
    }
}

impl Config {
    /// Whether every value makes sense, by itself and beside the others.
    ///
    /// # Errors
    ///
    /// The first key that does not, and what it takes.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_path("announce_path", &self.announce_path)?;
        check_path("scrape_path", &self.scrape_path)?;
        require(self.announce_path != self.scrape_path, "scrape_path", || {
            format!("\"{}\" is announce_path already; choose another path", self.scrape_path)
        })?;
        if !self.status_path.is_empty() {
            check_path("status_path", &self.status_path)?;
            let numbers = format!("{}.json", self.status_path);
            let taken = [&self.announce_path, &self.scrape_path]
                .into_iter()
                .find(|path| **path == self.status_path || **path == numbers);
            require(taken.is_none(), "status_path", || {
                format!("\"{}\" is taken by announces or scrapes; choose another path", self.status_path)
            })?;
        }
        require(!self.request_timeout.0.is_zero(), "request_timeout", || {
            "no request can be answered in no time; choose a few seconds, like \"5s\"".into()
        })?;
        require(self.idle_timeout >= self.request_timeout, "idle_timeout", || {
            format!("{} is shorter than request_timeout; choose at least {}", self.idle_timeout, self.request_timeout)
        })?;
        require((1..=Semaphore::MAX_PERMITS).contains(&self.max_connections), "max_connections", || {
            format!("{} is not a number of connections; to turn HTTP off, set listen = []", self.max_connections)
        })?;
        if let Some(message) = mapped(&self.trusted_proxies) {
            return Err(ConfigError { key: "trusted_proxies", message });
        }
        self.header().map(drop)
    }

    /// `real_ip_header`, parsed.
    pub(super) fn header(&self) -> Result<HeaderName, ConfigError> {
        let name = &self.real_ip_header;
        let error = |message| ConfigError { key: "real_ip_header", message };
        if name.eq_ignore_ascii_case("forwarded") {
            let message = "\"forwarded\" (RFC 7239) is not read; have the proxy send \"x-forwarded-for\" and name that";
            return Err(error(message.into()));
        }
        let invalid = |_| error(format!("\"{name}\" is not a header's name; write one like \"x-forwarded-for\""));
        name.parse().map_err(invalid)
    }
}

fn networks<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(list)?;
    let network = |text: &String| {
        let single = text.parse::<IpAddr>().map(IpNet::from);
        single.or_else(|_| text.parse()).map_err(|_| {
            D::Error::custom(format!("\"{text}\" is not a network; write one like \"10.0.0.0/8\" or \"192.0.2.7\""))
        })
    };
    texts.iter().map(network).collect()
}

fn check_path(key: &'static str, path: &str) -> Result<(), ConfigError> {
    let whole = |parsed: PathAndQuery| parsed.path() == path;
    require(path.starts_with('/') && path.parse().is_ok_and(whole), key, || {
        format!("\"{path}\" is not a path; write one like \"/{}\"", key.trim_end_matches("_path"))
    })
}

/// What is wrong with an IPv4 network in the form of an IPv6 one: addresses are canonical when they are compared, so none
/// is in it.
fn mapped(networks: &[IpNet]) -> Option<String> {
    networks.iter().find_map(|network| {
        let IpNet::V6(v6) = network else { return None };
        let (address, prefix) = (v6.addr().to_ipv4_mapped()?, v6.prefix_len().checked_sub(96)?);
        Some(format!("\"{network}\" is an IPv4 network in the form of IPv6; write \"{address}/{prefix}\""))
    })
}

fn require(holds: bool, key: &'static str, message: impl FnOnce() -> String) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { key, message: message() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(change: impl FnOnce(&mut Config)) -> (&'static str, String) {
        let mut config = Config::default();
        change(&mut config);
        let error = config.check().unwrap_err();
        (error.key, error.message)
    }

    #[test]
    fn the_defaults_make_sense() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn paths_are_paths_and_differ() {
        for path in ["", "announce", "/a?b", "/a#b", "/a b", "http://tracker.example/announce", "*"] {
            assert_eq!(complaint(|config| config.announce_path = path.into()).0, "announce_path", "{path}");
            assert_eq!(complaint(|config| config.scrape_path = path.into()).0, "scrape_path", "{path}");
        }
        let message = "\"announce\" is not a path; write one like \"/announce\"";
        assert_eq!(complaint(|config| config.announce_path = "announce".into()).1, message);
        let message = "\"/announce\" is announce_path already; choose another path";
        assert_eq!(complaint(|config| config.scrape_path = "/announce".into()), ("scrape_path", message.into()));
    }

    #[test]
    fn the_status_page_has_a_path_of_its_own_or_none() {
        assert_eq!(complaint(|config| config.status_path = "status".into()).0, "status_path");
        assert_eq!(complaint(|config| config.status_path = "/announce".into()).0, "status_path");
        let numbers = complaint(|config| {
            config.announce_path = "/status.json".into();
            config.status_path = "/status".into();
        });
        assert_eq!(numbers.0, "status_path");
        assert_eq!(Config { status_path: "/".into(), ..Config::default() }.check(), Ok(()));
    }

    #[test]
    fn time_outs_leave_time_and_agree() {
        assert_eq!(complaint(|config| config.request_timeout = Period::seconds(0)).0, "request_timeout");
        let message = "3s is shorter than request_timeout; choose at least 5s";
        let short = complaint(|config| config.idle_timeout = Period::seconds(3));
        assert_eq!(short, ("idle_timeout", message.into()));
    }

    #[test]
    fn there_is_room_for_a_connection() {
        for max_connections in [0, usize::MAX] {
            assert_eq!(complaint(|config| config.max_connections = max_connections).0, "max_connections");
        }
    }

    #[test]
    fn no_proxy_is_named_by_an_ipv4_network_in_the_form_of_ipv6() {
        let with = |network: &str| Config { trusted_proxies: vec![network.parse().unwrap()], ..Config::default() };
        for network in ["10.0.0.0/8", "2001:db8::/32", "::/0"] {
            assert_eq!(with(network).check(), Ok(()), "{network}");
        }
        for (network, right) in [("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::ffff:192.0.2.1/128", "192.0.2.1/32")] {
            let message = format!("\"{network}\" is an IPv4 network in the form of IPv6; write \"{right}\"");
            let error = ConfigError { key: "trusted_proxies", message };
            assert_eq!(with(network).check(), Err(error));
        }
    }

    #[test]
    fn the_header_could_be_sent() {
        for name in ["forwarded", "Forwarded", "", "x forwarded for", "x-forwarded-for:"] {
            assert_eq!(complaint(|config| config.real_ip_header = name.into()).0, "real_ip_header", "{name}");
        }
        assert_eq!(Config { real_ip_header: "X-Real-IP".into(), ..Config::default() }.check(), Ok(()));
    }
}
