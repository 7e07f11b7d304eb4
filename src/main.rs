//! The `chihaya` program.
fn main() {}
