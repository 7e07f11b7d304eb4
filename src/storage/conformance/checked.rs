//! A store and its model, driven together and compared after every step.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::model::{Expected, Mismatch, Model, Rules, Seconds, equal};
use super::trial::unlike;
use crate::bittorrent::{Endpoint, Family, InfoHash};
use crate::clock::Now;
use crate::storage::{Announce, Answer, Batch, Change, Reply, Request, Role, Scrape, Storage, Want};

/// A store under the eyes of its model. It also keeps the clock.
///
/// A store that answers late must be driven within a tokio runtime with timers; time may be paused there.
pub struct Checked {
    store: Arc<dyn Storage>,
    model: Model,
    rules: Rules,
    start: Now,
    elapsed: Seconds,
    /// Where time passes by itself: when it began.
    begun: Option<Instant>,
    /// When the last whole pass of sweeps ran.
    swept: Seconds,
    /// Every torrent that was ever asked for.
    torrents: BTreeSet<InfoHash>,
    /// Counts batches, so that each has a seed of its own.
    seed: u64,
    /// The store holds nothing else.
    alone: bool,
}

impl Checked {
    /// An empty store, opened with the lifetime that the rules name, at the moment `start`.
    pub fn new(store: Arc<dyn Storage>, rules: Rules, start: Now) -> Self {
        let model = Model::new(rules);
        let torrents = BTreeSet::new();
        Self { store, model, rules, start, elapsed: 0, begun: None, swept: 0, torrents, seed: 0, alone: true }
    }

    /// The same from now on, in whole seconds of real time.
    #[must_use]
    pub(super) fn in_real_time(self) -> Self {
        Self { begun: Some(Instant::now()), ..self }
    }

    /// The same over a store that holds more than this model knows: its totals say nothing.
    #[must_use]
    pub fn among_others(self) -> Self {
        Self { alone: false, ..self }
    }

    /// Whether the machine was too busy for anything to be said of the store.
    pub(super) fn is_late(&self) -> bool {
        self.begun.is_some_and(|begun| begun.elapsed() > Duration::from_secs(self.elapsed) + LATEST)
    }

    /// The present moment.
    pub fn now(&self) -> Now {
        self.moment(self.elapsed)
    }

    /// Hands over batches, all before any of them is answered, and checks the replies and what has become of the torrents.
    ///
    /// They come from a worker that read its clock `lag` seconds ago. A store may apply batches under way in any order:
    /// so if there are several, no two may share a torrent.
    ///
    /// # Errors
    ///
    /// When the store departs from the model.
    pub async fn apply(&mut self, lag: Seconds, batches: Vec<Vec<Request>>) -> Result<(), Mismatch> {
        let at = self.elapsed.saturating_sub(lag);
        let torrents: BTreeSet<_> = batches.iter().flatten().map(info_hash).collect();
        self.torrents.extend(&torrents);
        let expected: Vec<_> = batches.iter().flatten().map(|request| self.model.apply(at, request)).collect();
        let replied = self.ask(at, &batches).await?;
        let entries = replied.iter().flat_map(|batch| batch.entries.iter().map(move |entry| (batch, entry)));
        for ((batch, entry), expected) in entries.zip(expected) {
            self.check(&expected, entry.request, entry.reply, batch)?;
        }
        self.inspect(torrents).await
    }

    /// Has the store sweep so many times, by a timer that read its clock `lag` seconds ago, and looks at every torrent.
    ///
    /// # Errors
    ///
    /// When the store departs from the model.
    pub async fn sweep(&mut self, lag: Seconds, times: usize) -> Result<(), Mismatch> {
        let at = self.elapsed.saturating_sub(lag);
        for _ in 0..times {
            self.store.sweep(self.moment(at));
            self.model.sweep(at);
        }
        if times >= self.rules.sweeps_per_pass {
            self.swept = at;
        }
        self.inspect(self.torrents.clone()).await
    }

    /// Lets time pass. Stores are swept without a pause, so at most two lifetimes go by without a whole pass.
    ///
    /// # Errors
    ///
    /// When the store departs from the model.
    pub async fn wait(&mut self, mut seconds: Seconds) -> Result<(), Mismatch> {
        while seconds > 0 {
            let stride = seconds.min(self.rules.lifetime);
            if self.elapsed + stride > self.swept + 2 * self.rules.lifetime {
                self.sweep(0, self.rules.sweeps_per_pass).await?;
            }
            self.elapsed = self.pass(stride).await?;
            seconds -= stride;
            let doubtful = |torrent: &InfoHash| self.model.is_in_doubt(self.elapsed, *torrent);
            self.inspect(self.torrents.iter().copied().filter(doubtful).collect()).await?;
        }
        Ok(())
    }

    /// Has the clock leap between two sweeps, forward by so many seconds or back; the store is looked at before it is swept again.
    ///
    /// What leaps forward makes peers old, as time that passes does. What leaps back makes nobody younger: whoever was to be
    /// forgotten is forgotten as long after as if the clock had gone on.
    ///
    /// # Errors
    ///
    /// When the store departs from the model.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the store's clock wraps")]
    pub async fn leap(&mut self, seconds: i64) -> Result<(), Mismatch> {
        self.sweep(0, 1).await?;
        match u64::try_from(seconds) {
            Ok(forward) => self.elapsed += forward,
            Err(_) => self.start = Now(self.start.0.wrapping_add(seconds as u32)),
        }
        let doubtful = |torrent: &InfoHash| self.model.is_in_doubt(self.elapsed, *torrent);
        self.inspect(self.torrents.iter().copied().filter(doubtful).collect()).await?;
        self.sweep(0, 1).await
    }

    /// When it is so many seconds later.
    async fn pass(&self, seconds: Seconds) -> Result<Seconds, Mismatch> {
        let later = self.elapsed + seconds;
        let Some(begun) = self.begun else { return Ok(later) };
        // Whatever was asked since must have been answered before anything of it may be forgotten.
        if self.is_late() {
            let reason = format!("could not be tried: some requests took {LATEST:?}; is the machine busy?");
            return Err(Mismatch(reason));
        }
        sleep_until(begun + Duration::from_secs(later)).await;
        Ok(begun.elapsed().as_secs())
    }

    /// Compares everything the store shows of these torrents, and its totals.
    async fn inspect(&mut self, torrents: BTreeSet<InfoHash>) -> Result<(), Mismatch> {
        let at = self.elapsed;
        let probes: Vec<_> = torrents.iter().map(|&info_hash| probes(info_hash).to_vec()).collect();
        let replied = self.ask(at, &probes).await?;
        for (batch, info_hash) in replied.iter().zip(torrents) {
            if self.model.is_in_doubt(at, info_hash) {
                let (seen, completed) = seen(batch);
                self.model.learn(at, info_hash, &seen, completed)?;
            }
            for entry in &batch.entries {
                let expected = self.model.apply(at, &entry.request);
                self.check(&expected, entry.request, entry.reply, batch)?;
            }
        }
        if !self.alone {
            return Ok(());
        }
        let (store, model) = (self.store.totals(), self.model.totals());
        equal("total torrents", &store.torrents.or(model.torrents), &model.torrents)?;
        equal("total peers", &store.peers.or(model.peers), &model.peers)?;
        equal("total seeders", &store.seeders.or(model.seeders), &model.seeders)
    }

    /// Has the store answer batches, all under way at once; they come back in the order given.
    async fn ask(&mut self, at: Seconds, batches: &[Vec<Request>]) -> Result<Vec<Batch>, Mismatch> {
        let mut answered = BTreeMap::new();
        let mut pending = JoinSet::new();
        for (index, requests) in batches.iter().enumerate() {
            self.seed += 1;
            let mut batch = Batch { seed: self.seed, ..Batch::default() };
            requests.iter().for_each(|&request| batch.push(request));
            match self.store.apply(self.moment(at), batch) {
                Answer::Ready(batch) => drop(answered.insert(index, batch)),
                Answer::Pending(batch) => drop(pending.spawn(async move { (index, batch.await) })),
            }
        }
        if !pending.is_empty() {
            let late = timeout(PATIENCE, pending.join_all()).await;
            answered.extend(late.map_err(|_| Mismatch(format!("a batch was not answered in {PATIENCE:?}")))?);
        }
        for (batch, requests) in answered.values().zip(batches) {
            let returned: Vec<_> = batch.entries.iter().map(|entry| entry.request).collect();
            if returned != *requests {
                return Err(unlike(requests, &returned));
            }
        }
        Ok(answered.into_values().collect())
    }

    fn check(&self, expected: &Expected, request: Request, reply: Reply, batch: &Batch) -> Result<(), Mismatch> {
        let told = |mismatch| Mismatch(format!("{mismatch}\n  after {} s, asked {request:?}", self.elapsed));
        expected.check(reply, batch).map_err(told)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the store's clock wraps, the model's does not")]
    fn moment(&self, at: Seconds) -> Now {
        Now(self.start.0.wrapping_add(at as u32))
    }
}

/// Requests that change nothing and show everything of a torrent: all its peers, its downloaders, its counts.
fn probes(info_hash: InfoHash) -> [Request; 4] {
    let look = |peer, role| {
        let want = Want { peers: u32::MAX, both_families: true };
        Announce { info_hash, peer, change: Change::Unchanged { role }, want }.into()
    };
    [
        look(Endpoint::new(Ipv4Addr::new(203, 0, 113, 1).into(), 1), Role::Downloader),
        look(Endpoint::new(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1).into(), 1), Role::Seeder),
        Scrape { info_hash, family: Family::V4 }.into(),
        Scrape { info_hash, family: Family::V6 }.into(),
    ]
}

/// The peers and the completed downloads that the first of the [`probes`] shows.
fn seen(batch: &Batch) -> (BTreeSet<Endpoint>, u32) {
    match batch.entries.first().map(|entry| entry.reply) {
        Some(Reply::Announce { counts, peers }) => {
            let list = |family| Endpoint::list(family, batch.compact(peers[family]));
            (Family::BOTH.into_iter().flat_map(list).collect(), counts.completed)
        }
        _ => Default::default(),
    }
}

fn info_hash(request: &Request) -> InfoHash {
    match request {
        Request::Announce(announce) => announce.info_hash,
        Request::Scrape(scrape) => scrape.info_hash,
    }
}

/// Past a whole second of real time: lifetimes end half a second past one.
const LATEST: Duration = Duration::from_millis(400);

/// A store must answer in bounded time; far more than any takes.
const PATIENCE: Duration = Duration::from_secs(60);
