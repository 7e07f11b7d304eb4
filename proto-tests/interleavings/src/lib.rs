//! The tracker's storage, compiled from its own files, with locks and counters at which a scheduler chooses who goes on.
//!
//! So what threads do to the store in memory is tried in thousands of orders, each of which can be had again; the tests say
//! what must hold in all of them. What the tracker itself is made of knows nothing of this.

// The files' unit tests are tried where they belong, whatever `--all-targets` asks for.
#![cfg(not(test))]
#![allow(dead_code, unreachable_pub, unused_imports, reason = "parts of the tracker, of which the tests need some")]

#[path = "../../../src/bittorrent/mod.rs"]
pub mod bittorrent;
#[path = "../../../src/clock.rs"]
pub mod clock;
#[path = "../../../src/storage/mod.rs"]
pub mod storage;
mod sync;
mod sys;
#[path = "../../../src/units.rs"]
mod units;
