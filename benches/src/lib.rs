//! What the benchmarks share.

pub mod micro;
