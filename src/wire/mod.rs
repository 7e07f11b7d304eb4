//! What travels: bytes into values, values into bytes. No sockets, no clock, and nothing that panics on what it is sent.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod bencode;
pub mod http;
