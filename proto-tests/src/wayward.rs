//! A store that does as it is told from outside, and a driver that puts a fallback around any other's store.

use std::fs;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chihaya::clock::Now;
use chihaya::storage::fallback::{self, Fallback};
use chihaya::storage::{
    Answer, Batch, Driver, Environment, Reply, Settings, SettingsError, Storage, StorageError, Totals,
};
use serde::{Deserialize, Serialize};

use crate::late::Late;

/// The driver named `wayward`: a store as [`Late`]'s that may be told to hang or to fail.
pub struct Wayward;

/// Another driver, with a [`Fallback`] around its store.
pub struct Covered<D> {
    /// The other.
    pub driver: D,
    /// How long it is waited for.
    pub timeout: Duration,
}

/// What a wayward store does.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Conduct {
    /// It answers.
    Well,
    /// It never answers.
    Hang,
    /// It fails every request.
    Fail,
}

/// `[storage.wayward]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What it does.
    pub conduct: Conduct,
    /// The longest that an answer takes, if there is one.
    pub longest_delay: String,
    /// A file with what to do instead; it is read for each batch.
    pub orders: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self { conduct: Conduct::Well, longest_delay: "1ms".into(), orders: PathBuf::new() }
    }
}

impl Driver for Wayward {
    fn name(&self) -> &'static str {
        "wayward"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Config::default()).expect("texts make a table")
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        settings.read::<Config>().map(drop)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        let config: Config = settings.read()?;
        let late = toml::Table::from_iter([("longest_delay".to_owned(), config.longest_delay.clone().into())]);
        Ok(Arc::new(WaywardStorage { late: Late.open(&Settings(late), environment)?, config }))
    }
}

impl<D: Driver> Driver for Covered<D> {
    fn name(&self) -> &'static str {
        self.driver.name()
    }

    fn defaults(&self) -> toml::Table {
        self.driver.defaults()
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        self.driver.check(settings)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        let config = fallback::Config { timeout: self.timeout, ..fallback::Config::default() };
        let remote = self.driver.open(settings, environment.clone())?;
        Ok(Arc::new(Fallback::new(remote, config, &environment)))
    }
}

struct WaywardStorage {
    late: Arc<dyn Storage>,
    config: Config,
}

impl WaywardStorage {
    fn conduct(&self) -> Conduct {
        match fs::read_to_string(&self.config.orders).as_deref().map(str::trim) {
            Ok("well") => Conduct::Well,
            Ok("hang") => Conduct::Hang,
            Ok("fail") => Conduct::Fail,
            _ => self.config.conduct,
        }
    }
}

impl Storage for WaywardStorage {
    fn apply(&self, now: Now, mut batch: Batch) -> Answer {
        match self.conduct() {
            Conduct::Well => self.late.apply(now, batch),
            Conduct::Hang => Answer::Pending(Box::pin(async move {
                pending::<()>().await;
                batch
            })),
            Conduct::Fail => {
                batch.entries.iter_mut().for_each(|entry| entry.reply = Reply::Failed);
                Answer::Ready(batch)
            }
        }
    }

    fn sweep(&self, now: Now) {
        self.late.sweep(now);
    }

    /// Known while it answers.
    fn totals(&self) -> Totals {
        if self.conduct() == Conduct::Well { self.late.totals() } else { Totals::default() }
    }
}
