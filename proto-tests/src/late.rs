//! A store that answers late and out of order, as one across a network would.

use std::sync::Arc;
use std::time::Duration;

use chihaya::clock::Now;
use chihaya::storage::memory::MemoryDriver;
use chihaya::storage::{Answer, Batch, Driver, Environment, Settings, SettingsError, Storage, StorageError, Totals};
use chihaya::units::Period;
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

/// The driver named `late`: a memory store whose answers take a while.
///
/// Batches take effect in the order of the calls; each answer comes after a random delay of its own, so answers overtake
/// each other.
pub struct Late;

/// `[storage.late]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The longest that an answer takes.
    pub longest_delay: Period,
    /// Where the random delays begin.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { longest_delay: Period(Duration::from_millis(20)), seed: 1 }
    }
}

impl Driver for Late {
    fn name(&self) -> &'static str {
        "late"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Config::default()).expect("a string and a number make a table")
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        settings.read::<Config>().map(drop)
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        let Config { longest_delay, seed } = settings.read()?;
        let memory = MemoryDriver.open(&Settings::default(), environment)?;
        let random = Mutex::new(SmallRng::seed_from_u64(seed));
        Ok(Arc::new(LateStorage { memory, longest_delay: longest_delay.0, random }))
    }
}

struct LateStorage {
    memory: Arc<dyn Storage>,
    longest_delay: Duration,
    random: Mutex<SmallRng>,
}

impl Storage for LateStorage {
    fn apply(&self, now: Now, batch: Batch) -> Answer {
        let due = Instant::now() + self.longest_delay.mul_f64(self.random.lock().random());
        let answer = self.memory.apply(now, batch);
        Answer::Pending(Box::pin(async move {
            sleep_until(due).await;
            match answer {
                Answer::Ready(batch) => batch,
                Answer::Pending(batch) => batch.await,
            }
        }))
    }

    fn sweep(&self, now: Now) {
        self.memory.sweep(now);
    }

    fn totals(&self) -> Totals {
        self.memory.totals()
    }

    fn save(&self, now: Now) -> Result<(), StorageError> {
        self.memory.save(now)
    }
}

#[cfg(test)]
mod tests {
    use chihaya::bittorrent::{Endpoint, Family, InfoHash};
    use chihaya::clock::Clock;
    use chihaya::storage::{Announce, Change, Reply, Role, Scrape, Want};
    use tokio::task::JoinSet;

    use super::*;

    fn open(settings: &str) -> Arc<dyn Storage> {
        let settings = Settings(settings.parse().unwrap());
        let environment = Environment::new(Duration::from_secs(60), [0; 16], Clock::start());
        Late.open(&settings, environment).unwrap()
    }

    fn pending(answer: Answer) -> impl Future<Output = Batch> + Send + 'static {
        match answer {
            Answer::Pending(batch) => batch,
            Answer::Ready(_) => panic!("it answers at once"),
        }
    }

    /// The n-th batch brings the n-th peer; its seed tells it apart.
    fn arrival(n: u16) -> Batch {
        let mut batch = Batch { seed: n.into(), ..Batch::default() };
        let peer = Endpoint::new([192, 0, 2, 1].into(), n);
        let change = Change::Present { role: Role::Downloader, completed: false };
        batch.push(Announce { info_hash: InfoHash([1; 20]), peer, change, want: Want::default() });
        batch
    }

    #[tokio::test(start_paused = true)]
    async fn effects_keep_the_order_of_the_calls_and_answers_do_not() {
        let store = open("");
        let mut answers = JoinSet::new();
        for n in 1..=20 {
            answers.spawn(pending(store.apply(Now(0), arrival(n))));
        }
        let mut order = Vec::new();
        while let Some(batch) = answers.join_next().await {
            let batch = batch.unwrap();
            let Reply::Announce { counts, .. } = batch.entries[0].reply else { panic!("not an announce") };
            assert_eq!(u64::from(counts.leechers), batch.seed, "counts are those of the call");
            order.push(batch.seed);
        }
        let calls: Vec<_> = (1..=20).collect();
        assert_ne!(order, calls);
        order.sort_unstable();
        assert_eq!(order, calls);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_nobody_waits_for_has_its_effect_all_the_same() {
        let store = open("seed = 7");
        drop(store.apply(Now(0), arrival(1)));
        let mut scrape = Batch::default();
        scrape.push(Scrape { info_hash: InfoHash([1; 20]), family: Family::V4 });
        let scrape = pending(store.apply(Now(0), scrape)).await;
        assert!(matches!(scrape.entries[0].reply, Reply::Scrape { counts } if counts.leechers == 1));
    }

    #[tokio::test(start_paused = true)]
    async fn no_answer_takes_longer_than_it_may() {
        let store = open(r#"longest_delay = "5ms""#);
        for n in 1..100 {
            let asked = Instant::now();
            pending(store.apply(Now(0), arrival(n))).await;
            // The timer rounds up to the next millisecond.
            assert!(asked.elapsed() <= Duration::from_millis(6));
        }
    }
}
