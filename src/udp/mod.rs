//! The UDP frontend (BEP 15).

mod config;

pub use config::Config;
