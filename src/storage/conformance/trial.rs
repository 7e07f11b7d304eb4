//! A store opened for one behaviour, and what it is asked.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, make_rng};
use tokio::time::{Instant, sleep, timeout};

use super::{Mismatch, Time};
use crate::bittorrent::{Counts, Endpoint, Family, InfoHash};
use crate::clock::{Clock, Now};
use crate::storage::{
    Announce, Answer, Batch, Change, Driver, Environment, Reply, Request, Role, SWEEPS_PER_PASS, Scrape, Settings,
    Storage, Want,
};

/// A store, the time, and torrents that nobody else knows.
pub(super) struct Trial {
    pub(super) store: Arc<dyn Storage>,
    pub(super) time: Time,
    pub(super) lifetime: Duration,
    clock: Clock,
    /// The moment, where time is given.
    now: Now,
    /// When the last new torrent was made up.
    begun: Instant,
    pub(super) rng: SmallRng,
}

/// What an announce was told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) counts: Counts,
    pub(super) peers: BTreeSet<Endpoint>,
}

impl Trial {
    pub(super) fn open(
        driver: &dyn Driver,
        settings: &Settings,
        time: Time,
        lifetime: Duration,
    ) -> Result<Self, Mismatch> {
        let (mut rng, clock): (SmallRng, _) = (make_rng(), Clock::start());
        let environment = Environment::new(lifetime, rng.random(), clock);
        let store =
            driver.open(settings, environment).map_err(|error| Mismatch(format!("it does not open: {error}")))?;
        Ok(Self { store, time, lifetime, clock, now: clock.now(), begun: Instant::now(), rng })
    }

    /// A torrent that no store has ever heard of.
    pub(super) fn torrent(&mut self) -> InfoHash {
        self.begun = Instant::now();
        InfoHash(self.rng.random())
    }

    /// The present moment.
    pub(super) fn now(&self) -> Now {
        match self.time {
            Time::Given => self.now,
            Time::Own => self.clock.now(),
        }
    }

    /// Has the time that is given go on from here.
    pub(super) fn go_on_at(&mut self, now: Now) {
        self.now = now;
    }

    /// So many lifetimes of a peer.
    pub(super) fn lifetimes(&self, number: f64) -> Duration {
        self.lifetime.mul_f64(number)
    }

    /// How long after a tenth of a lifetime more, a peer may still be there.
    pub(super) fn slack(&self) -> Duration {
        SLACK
    }

    /// Fails if a peer that came first thing may have expired, because the machine was busy.
    pub(super) fn in_time(&self) -> Result<(), Mismatch> {
        self.in_time_for(self.lifetime)
    }

    /// The same for another time than the lifetime.
    pub(super) fn in_time_for(&self, due: Duration) -> Result<(), Mismatch> {
        let passed = self.begun.elapsed();
        if self.time == Time::Given || passed < due {
            return Ok(());
        }
        Err(Mismatch(format!(
            "could not be tried: what is to take less than {due:?} took {passed:?}; is the machine busy?"
        )))
    }

    /// Has the store answer one batch, and sees to it that all of it comes back.
    pub(super) async fn ask(&mut self, requests: &[Request]) -> Result<Batch, Mismatch> {
        self.ask_at(self.now(), requests).await
    }

    /// The same, by a thread that has read another clock.
    pub(super) async fn ask_at(&mut self, now: Now, requests: &[Request]) -> Result<Batch, Mismatch> {
        ask(&*self.store, now, self.rng.random(), requests).await
    }

    pub(super) async fn announce(&mut self, announce: Announce) -> Result<Told, Mismatch> {
        let batch = self.ask(&[announce.into()]).await?;
        told(&batch, 0)
    }

    /// A peer comes, or comes again, and wants everybody of its family.
    pub(super) async fn present(&mut self, torrent: InfoHash, peer: Endpoint, role: Role) -> Result<Told, Mismatch> {
        self.announce(present(torrent, peer, role)).await
    }

    pub(super) async fn leave(&mut self, torrent: InfoHash, peer: Endpoint) -> Result<Told, Mismatch> {
        self.announce(Announce { change: Change::Absent, ..present(torrent, peer, Role::Downloader) }).await
    }

    pub(super) async fn scrape(&mut self, info_hash: InfoHash, family: Family) -> Result<Counts, Mismatch> {
        let batch = self.ask(&[Scrape { info_hash, family }.into()]).await?;
        match batch.entries[0].reply {
            Reply::Scrape { counts } => Ok(counts),
            other => Err(Mismatch(format!("a scrape was answered {other:?}"))),
        }
    }

    /// Lets time pass, and the store forget.
    pub(super) async fn wait(&mut self, duration: Duration) {
        self.pass(duration).await;
        (0..SWEEPS_PER_PASS).for_each(|_| self.store.sweep(self.now()));
    }

    /// Lets time pass, while no sweep comes by.
    pub(super) async fn pass(&mut self, duration: Duration) {
        match self.time {
            Time::Own => sleep(duration).await,
            Time::Given => {
                let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
                self.now = Now(self.now.0.wrapping_add(seconds));
            }
        }
    }
}

/// Has a store answer one batch, in time, whole and in order.
pub(super) async fn ask(store: &dyn Storage, now: Now, seed: u64, requests: &[Request]) -> Result<Batch, Mismatch> {
    let mut batch = Batch { seed, ..Batch::default() };
    requests.iter().for_each(|&request| batch.push(request));
    let batch = match store.apply(now, batch) {
        Answer::Ready(batch) => batch,
        Answer::Pending(batch) => {
            timeout(PATIENCE, batch).await.map_err(|_| Mismatch(format!("a batch was not answered in {PATIENCE:?}")))?
        }
    };
    let returned: Vec<_> = batch.entries.iter().map(|entry| entry.request).collect();
    if returned == requests {
        return Ok(batch);
    }
    Err(unlike(requests, &returned))
}

/// A batch that came back with other requests than it went with.
pub(super) fn unlike(requests: &[Request], returned: &[Request]) -> Mismatch {
    let (asked, back) = (requests.len(), returned.len());
    let first = (0..asked.max(back)).find(|&at| requests.get(at) != returned.get(at)).unwrap_or_default();
    let told = |request: Option<&Request>| request.map_or("nothing".into(), |request| format!("{request:?}"));
    let (went, came) = (told(requests.get(first)), told(returned.get(first)));
    Mismatch(format!(
        "a batch of {asked} came back with {back}; of them the first to differ, at {first}: {came} instead of {went}"
    ))
}

/// What the announce at `index` was told.
pub(super) fn told(batch: &Batch, index: usize) -> Result<Told, Mismatch> {
    let Reply::Announce { counts, peers } = batch.entries[index].reply else {
        return Err(Mismatch(format!("an announce was answered {:?}", batch.entries[index].reply)));
    };
    let mut all = BTreeSet::new();
    for family in Family::BOTH {
        let bytes = batch.compact(peers[family]);
        if !bytes.len().is_multiple_of(family.peer_length()) {
            return Err(Mismatch(format!("{} bytes are no number of {family:?} peers", bytes.len())));
        }
        for peer in Endpoint::list(family, bytes) {
            if !all.insert(peer) {
                return Err(Mismatch(format!("{peer} was returned twice")));
            }
        }
    }
    Ok(Told { counts, peers: all })
}

pub(super) fn present(info_hash: InfoHash, peer: Endpoint, role: Role) -> Announce {
    Announce { info_hash, peer, change: Change::Present { role, completed: false }, want: EVERYBODY }
}

/// One of some ten thousand IPv4 peers.
pub(super) fn v4(number: u16) -> Endpoint {
    let [high, low] = number.to_be_bytes();
    Endpoint::new(Ipv4Addr::new(198, 18, high, low).into(), 6_881)
}

/// One of some ten thousand IPv6 peers.
pub(super) fn v6(number: u16) -> Endpoint {
    Endpoint::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number).into(), 6_881)
}

pub(super) fn counts(seeders: u32, downloaders: u32, completed: u32) -> Counts {
    Counts { seeders, leechers: downloaders, downloaders, completed }
}

/// Fails unless the store said what it must.
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, said: &T, must: &T) -> Result<(), Mismatch> {
    if said == must { Ok(()) } else { Err(Mismatch(format!("{what}: {said:?} instead of {must:?}"))) }
}

/// More than any swarm here has.
pub(super) const EVERYBODY: Want = Want { peers: 20_000, both_families: false };

/// What is forgotten within a tenth of the lifetime, two seconds and the rest of one is forgotten soon.
const SLACK: Duration = Duration::from_secs(3);

/// An answer comes in bounded time; far more than any takes.
const PATIENCE: Duration = Duration::from_secs(20);
