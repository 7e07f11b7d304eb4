//! Query strings of HTTP announces and scrapes (BEP 3, BEP 48), and the header in which proxies name their clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use chihaya::http::Proxies;
use chihaya::wire::http::{AnnounceRequest, ScrapeRequest};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// An announce names one torrent, and its peer is where the request came from.
pub(crate) fn announce(query: &[u8]) {
    let client = IpAddr::V6(Ipv6Addr::LOCALHOST);
    if let Ok(request) = AnnounceRequest::parse(query, client) {
        assert_eq!(request.announce.peer.address(), client);
        // 20 bytes each, be they ever so many characters.
        assert!(query.len() >= "info_hash=&peer_id=&port=0".len() + 40);
    }
}

/// A scrape names at least one torrent, none twice, in the order of the reply's keys.
pub(crate) fn scrape(query: &[u8]) {
    if let Ok(request) = ScrapeRequest::parse(query) {
        assert!(!request.info_hashes.is_empty());
        assert!(request.info_hashes.is_sorted_by(|a, b| a < b));
        assert!(request.info_hashes.len() <= query.len() / "info_hash=".len());
    }
}

/// The client is never who a stranger says it is, and not what a stranger could have written before a proxy's own hop.
pub(crate) fn client_address(lines: &[u8]) {
    let proxies = Proxies { networks: vec![PROXIES.parse().expect("a network")], header: FORWARDED };
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        // hyper has refused what is no value of a header before anybody reads it.
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(FORWARDED, value);
    }
    assert_eq!(proxies.client(STRANGER, &headers), Ok(STRANGER));
    if let Ok(client) = proxies.client(PROXY, &headers) {
        assert_eq!(client, client.to_canonical());
    }
    headers.append(FORWARDED, HeaderValue::from_static("192.0.2.1, 10.0.0.2"));
    assert_eq!(proxies.client(PROXY, &headers), Ok(STRANGER));
}

const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROXIES: &str = "10.0.0.0/8";
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
