//! The announce URLs that the tracker serves, ready to paste into a torrent or a magnet link.

use std::net::{IpAddr, SocketAddr};

use tracing::info;

use super::sockets::Bound;
use crate::bittorrent::Family;
use crate::config::Config;

/// Logs each announce URL, and which addresses have none. Returns the URLs.
pub(super) fn log(config: &Config, bound: &Bound) -> Vec<String> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let interfaces: Vec<_> = interfaces.iter().map(if_addrs::Interface::ip).collect();
    let keys = [("udp.listen", &bound.udp), ("http.listen", &bound.http)];
    for (key, address) in keys.into_iter().flat_map(|(key, addresses)| addresses.iter().map(move |one| (key, one))) {
        if hosts(address.ip(), &interfaces).is_empty() {
            info!("{key}: {address} waits for an address: no network interface has one of its family");
        }
    }
    let urls = announce_urls(config, bound, &interfaces);
    urls.iter().for_each(|url| info!("{url}"));
    urls
}

/// One URL for each address that is served; none twice.
fn announce_urls(config: &Config, bound: &Bound, interfaces: &[IpAddr]) -> Vec<String> {
    let hosts = |address: &SocketAddr| match config.server.public_host.as_str() {
        "" => hosts(address.ip(), interfaces),
        public_host => vec![bracketed(public_host)],
    };
    let url = |scheme: &str, host: &str, port: u16, path: &str| format!("{scheme}://{host}:{port}{path}");
    let mut urls = Vec::new();
    for address in &bound.udp {
        urls.extend(hosts(address).iter().map(|host| url("udp", host, address.port(), "/announce")));
    }
    for address in &bound.http {
        let path = &config.http.announce_path;
        urls.extend(hosts(address).iter().map(|host| url("http", host, address.port(), path)));
    }
    let mut seen = std::collections::HashSet::new();
    urls.retain(|url| seen.insert(url.clone()));
    urls
}

/// The hosts by which a bound address is reached: itself, or the interfaces' addresses of its family.
fn hosts(bound: IpAddr, interfaces: &[IpAddr]) -> Vec<String> {
    if !bound.is_unspecified() {
        return vec![host(bound)];
    }
    let family = interfaces.iter().filter(|address| Family::of(**address) == Family::of(bound));
    let reachable: Vec<_> =
        family.clone().filter(|address| !address.is_loopback() && !is_link_local(**address)).collect();
    let chosen = if reachable.is_empty() { family.collect() } else { reachable };
    chosen.into_iter().map(|address| host(*address)).collect()
}

fn host(address: IpAddr) -> String {
    bracketed(&address.to_string())
}

/// An IPv6 address in a URL stands in brackets (RFC 3986, section 3.2.2).
fn bracketed(host: &str) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.into() }
}

/// Reachable only with the interface's name, which a URL cannot carry.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(udp: &[&str], http: &[&str]) -> Bound {
        let parse = |list: &[&str]| list.iter().map(|address| address.parse().unwrap()).collect();
        Bound { udp: parse(udp), http: parse(http), ..Bound::default() }
    }

    #[test]
    fn a_single_address_is_its_own_host() {
        let urls = announce_urls(&Config::default(), &bound(&["127.0.0.1:1", "[::1]:2"], &["127.0.0.1:3"]), &[]);
        assert_eq!(urls, ["udp://127.0.0.1:1/announce", "udp://[::1]:2/announce", "http://127.0.0.1:3/announce"]);
    }

    #[test]
    fn a_public_host_stands_for_all_addresses_once() {
        let mut config = Config::default();
        config.server.public_host = "tracker.example".into();
        config.http.announce_path = "/a".into();
        let urls = announce_urls(&config, &bound(&["0.0.0.0:1", "[::]:1"], &["0.0.0.0:1"]), &[]);
        assert_eq!(urls, ["udp://tracker.example:1/announce", "http://tracker.example:1/a"]);
        config.server.public_host = "2001:db8::1".into();
        assert_eq!(announce_urls(&config, &bound(&["[::]:1"], &[]), &[]), ["udp://[2001:db8::1]:1/announce"]);
    }

    #[test]
    fn a_wildcard_stands_for_the_interfaces_of_its_family_that_others_reach() {
        let interfaces = ["127.0.0.1", "::1", "192.0.2.5", "169.254.1.1", "fe80::1", "2001:db8::5"];
        let interfaces = interfaces.map(|address| address.parse().unwrap());
        assert_eq!(hosts("0.0.0.0".parse().unwrap(), &interfaces), ["192.0.2.5"]);
        assert_eq!(hosts("::".parse().unwrap(), &interfaces), ["[2001:db8::5]"]);
        assert_eq!(hosts("0.0.0.0".parse().unwrap(), &interfaces[..2]), ["127.0.0.1"]);
    }
}
