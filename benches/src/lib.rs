//! What the load generators and the memory benchmark share.
//!
//! Servers are given as `--server NAME PORT COMMAND…`, started here and loaded one after another in rounds, so that
//! whatever disturbs the machine for a while disturbs them all. A figure is what the kernel says of the server's
//! process, never what the server says of itself.
//!
//! - [`arguments`]: command lines with any number of servers, and what comes of those that cannot be.
//! - [`server`]: processes that are started, waited for, and ended with their owner.
//! - [`callgrind`]: instructions of a program's functions.
//! - [`process`]: cores, processor time, resident memory.
//! - [`spread`], [`percentiles`] and [`table`]: many rounds as one cell, and cells as a table.
//! - [`distribution`] and [`swarms`]: millions of peers, derived from their numbers and a seed.
//! - [`udp`]: the clients that announce them.

pub mod arguments;
pub mod callgrind;
pub mod distribution;
pub mod micro;
pub mod percentiles;
pub mod process;
pub mod server;
pub mod spread;
pub mod swarms;
pub mod table;
pub mod udp;
