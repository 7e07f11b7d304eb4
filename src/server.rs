//! From a configuration to a running tracker.

use crate::config::Config;
use crate::storage::Drivers;

/// Serves until it is told to stop.
///
/// # Errors
///
/// When the store cannot be opened or an address cannot be listened on.
pub fn serve(_config: Config, _drivers: &Drivers) -> anyhow::Result<()> {
    Ok(())
}
