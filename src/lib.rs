//! A BitTorrent tracker for public, open swarms.

pub mod bittorrent;
mod cli;
pub mod clock;
pub mod config;
pub mod counters;
pub mod http;
pub mod log;
pub mod server;
pub mod storage;
pub mod tracker;
pub mod udp;
pub mod units;

pub use cli::run;
