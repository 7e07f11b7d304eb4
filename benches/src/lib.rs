//! What the load generators and the memory benchmark share.
//!
//! Servers are given as `--server NAME PORT COMMAND…`, started here and loaded one after another in rounds, so that
//! whatever disturbs the machine for a while disturbs them all. A figure is what the kernel says of the server's process,
//! never what the server says of itself.
//!
//! - [`arguments`]: a command line with any number of servers.
//! - [`server`]: processes that are started, waited for, and ended with their owner.
//! - [`process`]: cores, processor time, resident memory.
//! - [`spread`] and [`table`]: many rounds as one cell, and cells as a table.

pub mod arguments;
pub mod process;
pub mod server;
pub mod spread;
pub mod table;
