//! A complete driver, step by step: a store in ordered maps behind one lock, its test, and a tracker that serves with it.
//!
//! What a store has to keep to is [the contract](super). This page is a crate that keeps to it, to begin yours from; its files are in
//! `examples/ordered`, and chihaya's own tests build and run it as it stands here.
//!
//! # `Cargo.toml`
//!
#![expect(clippy::test_attr_in_doctest, reason = "a test is shown as it stands; another example runs it")]
#![doc = "```toml"]
#![doc = include_str!("../../examples/ordered/manifest.toml")]
#![doc = "```"]
//!
//! # `src/lib.rs`
//!
//! A [`Driver`](super::Driver) has a name and a table of settings, and opens a [`Storage`](super::Storage). This one is to be read
//! rather than to be used: every announce reads its swarm from end to end, while all others wait for the one lock.
//!
#![doc = "```"]
#![doc = include_str!("../../examples/ordered/src/lib.rs")]
#![cfg_attr(feature = "conformance", doc = "# use chihaya::storage::conformance::{Kit, Time};")]
#![cfg_attr(
    feature = "conformance",
    doc = "# fn main() { Kit::new(&OrderedDriver, Settings::default(), Time::Given).run().assert(); }"
)]
#![doc = "```"]
//!
//! # `tests/conformance.rs`
//!
//! The kit of the feature `conformance` tries every promise, and says of each one that is not kept what the store did instead. A
//! store that keeps a clock of its own says `Time::Own`.
//!
#![cfg_attr(feature = "conformance", doc = "```")]
#![cfg_attr(not(feature = "conformance"), doc = "```ignore")]
#![doc = "# mod ordered_tracker { include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/examples/ordered/src/lib.rs\")); }"]
#![doc = include_str!("../../examples/ordered/tests/conformance.rs")]
#![doc = "```"]
//!
//! # `src/main.rs`
//!
//! This is chihaya with one driver more: arguments, configuration, `check`, `config` and exit status are all the same.
//!
#![doc = "```no_run"]
#![doc = "# mod ordered_tracker { include!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/examples/ordered/src/lib.rs\")); }"]
#![doc = include_str!("../../examples/ordered/src/main.rs")]
#![doc = "```"]
//!
//! # `chihaya.toml`
//!
//! The driver is chosen by its name, and its settings are a table of that name. A setting that its
//! [`check`](super::Driver::check) refuses is told with its line and its key, as every other.
//!
//! ```toml
//! [storage]
//! driver = "ordered"
//!
//! [storage.ordered]
//! max_torrents = 50_000
//! ```
