//! Planted defects: what a simulation must find.

use std::sync::Arc;
use std::time::Duration;

use chihaya::clock::Now;
use chihaya::storage::{Announce, Answer, Batch, Change, Reply, Request, Role, StandIn, Storage, Totals};
use parking_lot::Mutex;
use tokio::time::timeout;

/// What is wrong with a simulated tracker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Defect {
    /// Now and then the store answers an announce and does not keep it.
    LosesPeers,
    /// Now and then who stops stays.
    KeepsTheStopped,
    /// A completion counts as often as it is told.
    CountsCompletionsAgain,
    /// Expired peers are never swept.
    NeverForgets,
    /// The store has peers expire before clients that do as they are told come back.
    ForgetsTooSoon,
    /// A guard against clocks that run backwards does not know that 32 bits wrap.
    StopsAtTheWrap,
    /// Replies of one batch change places where they come late.
    MixesUpLateReplies,
    /// The memory behind a remote store hears only what that store does not answer.
    FallsBackOnNothing,
    /// Secrets are rotated out one generation too early.
    RefusesIdsTooSoon,
    /// Secrets are not rotated.
    AcceptsIdsForEver,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LosesPeers,
        Self::KeepsTheStopped,
        Self::CountsCompletionsAgain,
        Self::NeverForgets,
        Self::ForgetsTooSoon,
        Self::StopsAtTheWrap,
        Self::MixesUpLateReplies,
        Self::FallsBackOnNothing,
        Self::RefusesIdsTooSoon,
        Self::AcceptsIdsForEver,
    ];
}

/// The store with the defect, if it is one of stores.
pub(super) fn plant(storage: Arc<dyn Storage>, defect: Option<Defect>) -> Arc<dyn Storage> {
    match defect {
        Some(defect) => Arc::new(Planted { storage, defect, state: Mutex::default() }),
        None => storage,
    }
}

struct Planted {
    storage: Arc<dyn Storage>,
    defect: Defect,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    announces: u64,
    latest: u32,
}

impl Planted {
    fn spoil(&self, announce: &mut Announce) {
        let State { announces, .. } = &mut *self.state.lock();
        *announces += 1;
        match (self.defect, announce.change) {
            (Defect::LosesPeers, Change::Present { role, .. }) if announces.is_multiple_of(50) => {
                announce.change = Change::Unchanged { role };
            }
            (Defect::KeepsTheStopped, Change::Absent) if announces.is_multiple_of(4) => {
                announce.change = Change::Unchanged { role: Role::Downloader };
            }
            _ => {}
        }
    }

    fn moment(&self, now: Now) -> Now {
        if self.defect != Defect::StopsAtTheWrap {
            return now;
        }
        let State { latest, .. } = &mut *self.state.lock();
        *latest = now.0.max(*latest);
        Now(*latest)
    }

    /// Has a peer that completes leave first, and so be a new one.
    fn forget_first(&self, now: Now, batch: &Batch) {
        let mut leaving = Batch::default();
        for entry in &batch.entries {
            if let Request::Announce(announce) = &entry.request
                && matches!(announce.change, Change::Present { completed: true, .. })
            {
                leaving.push(Announce { change: Change::Absent, ..*announce });
            }
        }
        drop(self.storage.apply(now, leaving));
    }
}

impl Storage for Planted {
    fn apply(&self, now: Now, mut batch: Batch) -> Answer {
        let now = self.moment(now);
        for entry in &mut batch.entries {
            if let Request::Announce(announce) = &mut entry.request {
                self.spoil(announce);
            }
        }
        if self.defect == Defect::CountsCompletionsAgain {
            self.forget_first(now, &batch);
        }
        match self.storage.apply(now, batch) {
            Answer::Pending(late) if self.defect == Defect::MixesUpLateReplies => Answer::Pending(Box::pin(async {
                let mut batch = late.await;
                swap_announced(&mut batch);
                batch
            })),
            answer => answer,
        }
    }

    fn sweep(&self, now: Now) {
        if self.defect != Defect::NeverForgets {
            self.storage.sweep(self.moment(now));
        }
    }

    fn totals(&self) -> Totals {
        self.storage.totals()
    }

    fn stand_in(&self) -> Option<&dyn StandIn> {
        self.storage.stand_in()
    }
}

/// The first two announces get each other's replies.
fn swap_announced(batch: &mut Batch) {
    let is_announced = |reply: &Reply| matches!(reply, Reply::Announce { .. });
    let mut announced = batch.entries.iter_mut().map(|entry| &mut entry.reply).filter(|reply| is_announced(reply));
    if let (Some(one), Some(other)) = (announced.next(), announced.next()) {
        std::mem::swap(one, other);
    }
}

/// A fallback that tells its memory only what the remote store has not answered.
pub(super) struct Careless {
    pub(super) remote: Arc<dyn Storage>,
    pub(super) memory: Arc<dyn Storage>,
    pub(super) patience: Duration,
}

impl Storage for Careless {
    fn apply(&self, now: Now, batch: Batch) -> Answer {
        let mut copy = Batch { seed: batch.seed, ..Batch::default() };
        batch.entries.iter().for_each(|entry| copy.push(entry.request));
        let (memory, patience) = (Arc::clone(&self.memory), self.patience);
        let failed = |batch: &Batch| batch.entries.iter().any(|entry| entry.reply == Reply::Failed);
        let fall_back = move |copy| match memory.apply(now, copy) {
            Answer::Ready(batch) => batch,
            Answer::Pending(_) => unreachable!("memory is never late"),
        };
        match self.remote.apply(now, batch) {
            Answer::Ready(batch) if failed(&batch) => Answer::Ready(fall_back(copy)),
            Answer::Ready(batch) => Answer::Ready(batch),
            Answer::Pending(late) => Answer::Pending(Box::pin(async move {
                match timeout(patience, late).await {
                    Ok(batch) if !failed(&batch) => batch,
                    _ => fall_back(copy),
                }
            })),
        }
    }

    fn sweep(&self, now: Now) {
        self.memory.sweep(now);
        self.remote.sweep(now);
    }

    fn totals(&self) -> Totals {
        self.memory.totals()
    }
}
