//! The HTTP frontend (BEP 3).

mod config;

pub use config::Config;
