//! Drivers: how a data store is chosen by its name and opened from its own table of the configuration.
//!
//! The configuration knows a table's keys, and what kind of value each takes, from the driver's defaults. So files, variables of
//! the environment, `chihaya check` and `chihaya config` serve it as every other table, and faults are told with their line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::memory;
use super::{Limits, Storage};
use crate::clock::Clock;

/// A kind of data store, chosen by name.
pub trait Driver: Send + Sync + 'static {
    /// The name that `[storage] driver` chooses it by, and that of its own table, `[storage.NAME]`.
    ///
    /// Lower-case letters, digits and single underscores, so that `CHIHAYA__STORAGE__NAME__KEY` is told apart; not `driver`.
    fn name(&self) -> &'static str;

    /// Every key of its table with its default; no other key is accepted, and no value of another kind.
    ///
    /// Keys are in lower case. One that may be left unset has an empty text, an empty list or 0 for its default.
    fn defaults(&self) -> toml::Table {
        toml::Table::new()
    }

    /// Whether `settings` could be opened, without opening anything: they are the driver's table, complete.
    ///
    /// Called before each start, and by `chihaya check`, for the driver in use.
    ///
    /// # Errors
    ///
    /// Names the key at fault and says what it takes: `"0 is too few; choose 1 or more"`.
    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    /// Opens the store. It may block, for a while.
    ///
    /// # Errors
    ///
    /// When the settings are wrong or the store cannot be reached. The tracker then does not start: exit status 2.
    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError>;
}

/// The drivers to choose from.
pub struct Drivers(Vec<Box<dyn Driver>>);

impl Drivers {
    /// Those that come with chihaya.
    pub fn builtin() -> Self {
        let builtin = Self(Vec::new()).with(memory::MemoryDriver);
        #[cfg(feature = "redis")]
        let builtin = builtin.with(super::redis::RedisDriver);
        builtin
    }

    /// One more; it takes the place of a driver of the same name.
    ///
    /// # Panics
    ///
    /// If its [name](Driver::name) is none that a driver can have.
    #[must_use]
    pub fn with(mut self, driver: impl Driver) -> Self {
        assert!(is_name(driver.name()), "{:?} is no name for a driver", driver.name());
        self.0.retain(|known| known.name() != driver.name());
        self.0.push(Box::new(driver));
        self
    }

    /// The driver of this name.
    pub fn find(&self, name: &str) -> Option<&dyn Driver> {
        self.iter().find(|driver| driver.name() == name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Driver> {
        self.0.iter().map(AsRef::as_ref)
    }
}

/// Whether it can be a table beside the key `driver`, and part of a variable whose other parts are set off by `__`.
fn is_name(name: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name != "driver" && name.split('_').all(part)
}

/// What a driver is told beside its own settings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Environment {
    /// How long a peer lives after its last announce.
    pub peer_lifetime: Duration,
    /// Secret randomness, new with each start: the key of hashes of what clients choose, or the seed of a generator.
    pub key: [u8; 16],
    /// Where every `now` is read, for work that no call asks for.
    pub clock: Clock,
    /// Where files may be kept from one start to the next, if anywhere: the first directory of `STATE_DIRECTORY`, the
    /// variable that systemd sets. A driver keeps to a folder or a file there that has its own name.
    pub state_directory: Option<PathBuf>,
    /// How much one source may bring in.
    pub limits: Limits,
}

impl Environment {
    /// One without a place for files and without limits.
    pub fn new(peer_lifetime: Duration, key: [u8; 16], clock: Clock) -> Self {
        Self { peer_lifetime, key, clock, state_directory: None, limits: Limits::NONE }
    }
}

/// A driver's own table of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Settings(pub toml::Table);

impl Settings {
    /// The table as the driver's own type.
    ///
    /// # Errors
    ///
    /// When a value does not fit the type; the error names its key, and says in one line what is wrong.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        serde_path_to_error::deserialize(self.0.clone()).map_err(|error| SettingsError {
            key: error.path().to_string(),
            message: in_plain_words(error.inner().message()),
        })
    }
}

/// In one line, without names of the language's types where a number is merely too small or too large for one.
fn in_plain_words(message: &str) -> String {
    let number = message.strip_prefix("invalid value: integer `").and_then(|rest| rest.split_once('`'));
    number.map_or_else(|| message.replace('\n', " "), |(number, _)| format!("{number} is out of range"))
}

/// A driver's settings that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingsError {
    /// The key within the driver's table, dotted.
    pub key: String,
    /// What is wrong with its value and what it takes.
    pub message: String,
}

/// Why a store could not be opened, or could not do its work. Told to the operator, never to clients.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Its settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It cannot be reached, or it failed.
    #[error("{0}")]
    Unavailable(String),
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Table {
        timeout: Duration,
        nested: Nested,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only read")]
    struct Nested {
        retries: u8,
    }

    #[test]
    fn a_name_fits_a_table_and_a_variable() {
        for name in ["memory", "redis", "my_sql2"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "driver", "Redis", "my__sql", "_sql", "sql_", "my sql", "my.sql"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn an_unfit_value_is_told_in_one_line_with_its_key() {
        let timeout = "timeout = { secs = 5, nanos = 0 }";
        for (rest, told) in [
            ("nested.retries = -1", "nested.retries: -1 is out of range"),
            ("nested.retries = 1\nother = 2", "other: unknown field `other`, expected `timeout` or `nested`"),
        ] {
            let text = format!("{timeout}\n{rest}");
            let error = Settings(text.parse().unwrap()).read::<Table>().unwrap_err();
            assert_eq!(error.to_string(), told);
        }
    }
}
