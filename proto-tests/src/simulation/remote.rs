//! A store across a network, which answers late, fails or hangs as it is told.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use chihaya::clock::Now;
use chihaya::storage::{Answer, Batch, Reply, Storage, Totals};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

/// A memory store behind a conduct.
pub(super) struct Remote {
    memory: Arc<dyn Storage>,
    state: Mutex<State>,
}

struct State {
    rng: SmallRng,
    conduct: Conduct,
    told: Option<Told>,
}

/// What it does with a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Conduct {
    /// Answers at once, or soon.
    Well,
    /// Answers, often later than anybody waits.
    Slow,
    /// Never answers.
    Hangs,
    /// Fails all that it is asked.
    Fails,
    /// Fails some of it.
    FailsSome,
}

/// What has become of the last batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// It took effect, whatever was answered.
    pub(super) applied: bool,
    /// Replies may say that it failed.
    pub(super) may_fail: bool,
}

impl Remote {
    pub(super) fn new(memory: Arc<dyn Storage>, seed: u64) -> Self {
        let state = State { rng: SmallRng::seed_from_u64(seed), conduct: Conduct::Well, told: None };
        Self { memory, state: Mutex::new(state) }
    }

    pub(super) fn conduct(&self) -> Conduct {
        self.state.lock().conduct
    }

    pub(super) fn behave(&self, conduct: Conduct) {
        self.state.lock().conduct = conduct;
    }

    /// What has become of the batch that it has been given since it was last asked.
    pub(super) fn take_told(&self) -> Option<Told> {
        self.state.lock().told.take()
    }
}

impl Storage for Remote {
    fn apply(&self, now: Now, mut batch: Batch) -> Answer {
        let State { rng, conduct, told } = &mut *self.state.lock();
        let well = matches!(conduct, Conduct::Well | Conduct::Slow);
        let applied = well || rng.random();
        *told = Some(Told { applied, may_fail: !well });
        if applied {
            let Answer::Ready(answered) = self.memory.apply(now, batch) else { unreachable!("memory is never late") };
            batch = answered;
        }
        let delay = match conduct {
            Conduct::Hangs => {
                return Answer::Pending(Box::pin(async move {
                    pending::<()>().await;
                    batch
                }));
            }
            Conduct::Slow => rng.random_range(100..600),
            _ => rng.random_range(0..100_u64).saturating_sub(50),
        };
        let some = *conduct == Conduct::FailsSome;
        if !well {
            batch.entries.iter_mut().for_each(|entry| {
                if !applied || !some || rng.random() {
                    entry.reply = Reply::Failed;
                }
            });
        }
        if delay == 0 {
            return Answer::Ready(batch);
        }
        Answer::Pending(Box::pin(async move {
            sleep(Duration::from_millis(delay)).await;
            batch
        }))
    }

    fn sweep(&self, now: Now) {
        self.memory.sweep(now);
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}
