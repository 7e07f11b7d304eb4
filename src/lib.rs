//! A BitTorrent tracker for public, open swarms.

pub mod bittorrent;
pub mod clock;
pub mod counters;
pub mod http;
pub mod storage;
pub mod tracker;
pub mod udp;
pub mod units;
pub mod wire;
