//! What goes over the wire, as pure functions of bytes: no sockets, no clock, no swarms.
//!
//! Everything here reads input from strangers, so nothing here may panic on any of it.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used))]

pub mod bencode;
pub mod dns;
pub mod http;
pub mod udp;
