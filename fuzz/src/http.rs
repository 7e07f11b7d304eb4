//! Query strings of HTTP announces and scrapes (BEP 3, BEP 48).

use std::net::{IpAddr, Ipv6Addr};

use chihaya::wire::http::{AnnounceRequest, ScrapeRequest};

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
