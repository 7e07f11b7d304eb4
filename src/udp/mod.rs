//! The UDP frontend (BEP 15).

mod config;
mod connection_id;
mod handler;

pub use config::Config;
pub use connection_id::{ConnectionIds, Secret};
pub use handler::{Datagrams, Handler, REPLY_LENGTH, Round};
