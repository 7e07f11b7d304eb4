//! The locks and counters of what a test runs under a scheduler of its own, which puts others in their place.
//!
//! The package `interleavings` compiles the same files with a `sync` whose every use is a point at which another thread may
//! come first.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use parking_lot::Mutex;
/// One that outlives whatever a scheduler runs: nothing else is locked while it is held.
pub(crate) use parking_lot::Mutex as StaticMutex;
