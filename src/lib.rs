//! A BitTorrent tracker for public, open swarms.
