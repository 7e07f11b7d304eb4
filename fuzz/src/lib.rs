//! What is fuzzed: one target for each parser that reads what strangers, or operators, write, and one for a whole tracker.
//!
//! A target is a plain function that panics where a promise is broken. `run` beside this crate's manifest hands it to
//! libFuzzer, with the stable compiler: every target for 20 seconds each, or those named, for as long as said.
//!
//! ```sh
//! fuzz/run
//! fuzz/run 600 udp_batch http_connection
//! ```
//!
//! What a run learns stays in `target/fuzz/corpus`, and the next goes on from there; an input that breaks a promise is left
//! in `fuzz/artifacts`: move it to the corpus with the correction, under a name that tells what it is. Before a commit, keep
//! of what was learnt some dozens of the smallest inputs that add coverage:
//!
//! ```sh
//! FUZZ_TARGET=udp_batch target/fuzz/*/fuzz/fuzz -merge=1 fuzz/corpus/udp_batch target/fuzz/corpus/udp_batch -max_len=256
//! ```
//!
//! `tests/corpora.rs` replays every corpus, as part of `cargo test`.
//!
//! Not here is the command line, which clap reads.

mod config;
mod connection;
mod handler;
mod http;
mod probe;
mod script;
mod tracker;
mod udp;

/// A fuzz target: any bytes must be fine.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("client_address", http::client_address),
    ("config", config::config),
    ("environment", config::environment),
    ("http_announce", http::announce),
    ("http_connection", connection::connection),
    ("http_scrape", http::scrape),
    ("probe_dns", probe::dns),
    ("probe_http", probe::http),
    ("probe_udp", probe::udp),
    ("tracker", tracker::sequence),
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
