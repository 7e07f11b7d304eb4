//! What is fuzzed: one target for each parser that reads what strangers, or operators, write.
//!
//! A target is a plain function that panics where a promise is broken. The programs in `fuzz_targets` hand it to libFuzzer:
//!
//! ```sh
//! cargo +nightly fuzz run udp_request --features libfuzzer -- -max_total_time=60
//! ```
//!
//! What a run finds worth keeping goes to `corpus/TARGET`, past crashes too; a test replays it all with the stable compiler.

mod config;
mod handler;
mod http;
mod udp;

/// A fuzz target: any bytes must be fine.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its program and of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("client_address", http::client_address),
    ("config", config::config),
    ("environment", config::environment),
    ("http_announce", http::announce),
    ("http_scrape", http::scrape),
    ("udp_batch", handler::batch),
    ("udp_options", udp::options),
    ("udp_request", udp::request),
    ("units", config::units),
];

/// The target of this name.
///
/// # Panics
///
/// When there is none.
pub fn target(name: &str) -> Target {
    TARGETS.iter().find(|(known, _)| *known == name).expect("a target's name").1
}
