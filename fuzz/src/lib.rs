//! What is fuzzed: one target for each parser that reads what strangers, or operators, write, and one for a whole tracker.
//!
//! A target is a plain function that panics where a promise is broken. The programs in `fuzz_targets` hand it to
//! libFuzzer, with a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz`), from the root of the repository:
//!
//! ```sh
//! cargo +nightly fuzz run udp_batch --features libfuzzer -- -max_total_time=60
//! ```
//!
//! The stable compiler does as well, with `RUSTC_BOOTSTRAP=1` in the environment in place of `+nightly`.
//!
//! Without link-time optimisation (`CARGO_PROFILE_RELEASE_LTO=off`) the programs are built sooner. What a run finds goes to
//! `corpus/TARGET`, an input that breaks a promise to `artifacts/TARGET`: move it to the corpus with the correction. Before
//! a commit, keep what adds coverage, and of that the seeds, which have names, past failures, and some dozens of the
//! smallest:
//!
//! ```sh
//! cargo +nightly fuzz cmin udp_batch --features libfuzzer
//! ```
//!
//! `tests/corpora.rs` replays every corpus with the stable compiler, as part of `cargo test`.
//!
//! Not here, for they have no parser of ours: the heads of HTTP requests, which hyper reads, and the command line, which
//! clap does.

mod config;
mod handler;
mod http;
mod script;
mod tracker;
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
