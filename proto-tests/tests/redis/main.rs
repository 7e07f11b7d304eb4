//! The store in Redis, against real servers.

#![allow(clippy::unwrap_used, reason = "all of it is tests, of which clippy knows the functions marked so alone")]

mod conformance;
mod failures;
mod outages;
mod sharing;
