//! What every driver must pass: the promises of [`storage`](super), each tried against a real store.
//!
//! One call opens the driver anew for every behaviour, tries it, and says of each whether the store keeps it:
//!
//! ```
//! use chihaya::storage::conformance::{Kit, Time};
//! use chihaya::storage::{Settings, memory::MemoryDriver};
//!
//! Kit::new(&MemoryDriver, Settings::default(), Time::Given).run().assert();
//! ```
//!
//! A store may be shared with others meanwhile, and need not be empty: every behaviour has torrents of its own, which no
//! other run will ever meet. Only one that knows its [totals](super::Storage::totals) must be left alone.

mod behaviours;
mod checked;
mod crowds;
mod expiry;
mod histories;
mod model;
mod together;
mod trial;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use super::{Driver, Settings};
pub use checked::Checked;
pub use model::{Expected, Mismatch, Model, Rules, Seconds};
use trial::Trial;

/// Whose clock a store forgets by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Time {
    /// The `now` of its calls, as the store in memory: years pass in no time, and leave the environment's clock behind.
    Given,
    /// Its own, as a store across a network. All the same is tried, with peers that live for six seconds where time matters. A
    /// machine too busy to tell fails the behaviour, and says so.
    Own,
}

/// All behaviours, to be tried against one driver.
pub struct Kit<'a> {
    driver: &'a dyn Driver,
    settings: Settings,
    time: Time,
}

/// What is tried, and what of it failed.
pub struct Report {
    driver: &'static str,
    outcomes: Vec<(&'static str, Result<(), Mismatch>)>,
}

/// A behaviour: its promise, in words, and what tries it.
type Behaviour = (&'static str, for<'a> fn(&'a mut Trial) -> Attempt<'a>);

/// Fails with what the store did instead.
type Attempt<'a> = Pin<Box<dyn Future<Output = Result<(), Mismatch>> + 'a>>;

impl<'a> Kit<'a> {
    /// The kit for a driver with these settings; those that are left out are at the driver's defaults.
    pub fn new(driver: &'a dyn Driver, settings: Settings, time: Time) -> Self {
        let mut all = driver.defaults();
        lay(settings.0, &mut all);
        Self { driver, settings: Settings(all), time }
    }

    /// Tries everything; takes some seconds, and for a store with a clock of its own half a minute.
    ///
    /// To be called outside any runtime: each behaviour has one of its own, on one thread, as each worker of the tracker has.
    pub fn run(&self) -> Report {
        let mut outcomes = vec![("its settings, and its defaults, are settings that it takes", self.check())];
        let behaviours = [behaviours::ALL, crowds::ALL, together::ALL, histories::ALL].concat();
        outcomes.extend(behaviours.into_iter().map(|(name, attempt)| (name, self.outcome(LIFETIME, attempt))));
        let lifetime = if self.time == Time::Own { SHORT_LIFETIME } else { LIFETIME };
        thread::scope(|scope| {
            let start = |&(name, attempt)| (name, scope.spawn(move || self.outcome(lifetime, attempt)));
            let started: Vec<_> = expiry::ALL.iter().map(start).collect();
            let panicked = || Err(Mismatch("it panicked".into()));
            outcomes.extend(started.into_iter().map(|(name, it)| (name, it.join().unwrap_or_else(|_| panicked()))));
        });
        Report { driver: self.driver.name(), outcomes }
    }

    fn check(&self) -> Result<(), Mismatch> {
        let defaults = Settings(self.driver.defaults());
        let checked = self.driver.check(&defaults).and_then(|()| self.driver.check(&self.settings));
        checked.map_err(|error| Mismatch(error.to_string()))
    }

    fn outcome(&self, lifetime: Duration, attempt: for<'t> fn(&'t mut Trial) -> Attempt<'t>) -> Result<(), Mismatch> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Mismatch(format!("no runtime: {error}")))?;
        let mut trial = Trial::open(self.driver, &self.settings, self.time, lifetime)?;
        let tried = catch_unwind(AssertUnwindSafe(|| runtime.block_on(attempt(&mut trial))));
        tried.unwrap_or_else(|_| Err(Mismatch("it panicked".into())))
    }
}

impl Report {
    /// The promises that were not kept, and how.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &Mismatch)> {
        self.outcomes.iter().filter_map(|(name, outcome)| outcome.as_ref().err().map(|mismatch| (*name, mismatch)))
    }

    /// Panics, with the whole report, unless every promise was kept.
    ///
    /// # Panics
    ///
    /// If one was not.
    pub fn assert(&self) {
        assert!(self.failures().next().is_none(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failures().count();
        writeln!(f, "{}: {} of {} behaviours", self.driver, self.outcomes.len() - failed, self.outcomes.len())?;
        for (name, outcome) in &self.outcomes {
            match outcome {
                Ok(()) => writeln!(f, "  ok      {name}")?,
                Err(mismatch) => writeln!(f, "  FAILED  {name}\n          {mismatch}")?,
            }
        }
        Ok(())
    }
}

/// Lays a table over another, key by key.
fn lay(table: toml::Table, below: &mut toml::Table) {
    for (key, value) in table {
        match (value, below.get_mut(&key)) {
            (toml::Value::Table(inner), Some(toml::Value::Table(below))) => lay(inner, below),
            (value, _) => drop(below.insert(key, value)),
        }
    }
}

/// Longer than anything takes that is not about time.
const LIFETIME: Duration = Duration::from_secs(3_000);

/// Where time must really pass: long enough that a busy machine comes in time. What is asked at whole seconds is forgotten at half
/// ones, so nobody expires between a look and what is asked next.
const SHORT_LIFETIME: Duration = Duration::from_millis(6_500);
