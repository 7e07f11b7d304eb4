//! The UDP frontend (BEP 15).

mod config;
mod connection_id;
mod handler;
mod socket;
mod worker;

pub use config::Config;
pub use connection_id::{BadId, ConnectionIds, Secret};
pub use handler::{Datagrams, Handler, REPLY_LENGTH, Round};
pub use socket::{bind, warn_of_small_buffer};
pub use worker::Worker;
