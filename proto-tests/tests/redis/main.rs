//! The store in Redis, against real servers.

mod conformance;
mod failures;
mod outages;
mod sharing;
