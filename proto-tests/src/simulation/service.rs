//! The tracker's side: workers that answer what has arrived as those of the program do, and what each answer is held to.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chihaya::bittorrent::{Endpoint, Family, InfoHash};
use chihaya::clock::{Clock, Now};
use chihaya::counters::Counters;
use chihaya::storage::fallback::{self, Fallback};
use chihaya::storage::memory::{self, MemoryStorage};
use chihaya::storage::{self, Answer, Batch, Change, Environment, Reply, Role, Storage, Want};
use chihaya::tracker::{Live, Tracker};
use chihaya::udp::{ConnectionIds, Handler, Round, Secret};
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracker_client::udp;
use tracker_client::udp::packet::PROTOCOL_ID;

use super::defect::{Careless, Defect, plant};
use super::mail::{Ask, Letter, Mail};
use super::plan::{Plan, Store};
use super::remote::{Conduct, Remote};
use super::truth::{Expected, Seconds, Truth, check};

/// The tracker without sockets, and what it has been told.
pub(super) struct Service {
    tracker: Arc<Tracker>,
    handlers: Vec<Handler>,
    connection_ids: Arc<ArcSwap<ConnectionIds>>,
    pub(super) remote: Option<Arc<Remote>>,
    defect: Option<Defect>,
    intervals: std::ops::RangeInclusive<u32>,
    /// What this process's memory must hold, if it is asked at all.
    own: Option<Truth>,
    /// What the remote store must hold.
    theirs: Option<Truth>,
    /// Ids that were handed out: to whom, and after how many rotations.
    issued: HashMap<u64, (IpAddr, u64)>,
    rotations: u64,
    pending: JoinSet<Carriage>,
}

/// A batch on its way through the store.
pub(super) struct Carriage {
    mail: Mail,
    round: Round,
    /// What each letter's reply must be one of.
    due: Vec<Due>,
    asked: Instant,
    /// How many rotations the secret that signed its connects came after.
    rotations: u64,
}

enum Due {
    Silence,
    Connect,
    /// What this process's memory must say, what the remote store must, and whether there may be none.
    Reply {
        own: Option<Expected>,
        theirs: Option<Expected>,
        may_fail: bool,
    },
}

impl Service {
    pub(super) fn open(plan: &Plan, defect: Option<Defect>, rng: &mut SmallRng) -> Self {
        let (storage, remote) = storage(plan, defect, rng);
        let tracker = Arc::new(Tracker::new(plant(storage, defect), Live::new(plan.tracker.clone())));
        let generations = if defect == Some(Defect::RefusesIdsTooSoon) { GENERATIONS - 1 } else { GENERATIONS };
        let ids = ConnectionIds::new(Secret(rng.random()), generations);
        let connection_ids = Arc::new(ArcSwap::from_pointee(ids));
        let handler = || Handler::new(Arc::clone(&tracker), Arc::clone(&connection_ids), Arc::new(Counters::default()));
        let truth = |kept: bool| kept.then(|| Truth::new(plan.lifetime()));
        let seconds = plan.tracker.announce_interval.0.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an hour at most")]
        let told = |fraction: f64| (seconds * fraction).round() as u32;
        Self {
            handlers: (0..plan.workers).map(|_| handler()).collect(),
            tracker,
            connection_ids,
            remote,
            defect,
            intervals: told(1.0 - plan.tracker.interval_jitter)..=told(1.0 + plan.tracker.interval_jitter),
            own: truth(plan.store != Store::Bare),
            theirs: truth(plan.store != Store::Memory),
            issued: HashMap::new(),
            rotations: 0,
            pending: JoinSet::new(),
        }
    }

    /// Has a worker answer a batch. Gives it back if the store has answered at once.
    pub(super) fn answer(
        &mut self,
        worker: usize,
        letters: Vec<Letter>,
        (now, seconds): (Now, Seconds),
        rng: &mut SmallRng,
    ) -> Result<Option<Carriage>, String> {
        let mut mail = Mail::new(letters);
        let mut round = Round::default();
        self.handlers[worker].read(&mut mail, &mut round, rng);
        self.remote.as_ref().map(|remote| remote.take_told());
        let entries = round.batch.entries.len();
        let answer = self.apply(now, std::mem::take(&mut round.batch));
        let due = self.due(&mail.letters, seconds, entries)?;
        let mut carriage = Carriage { mail, round, due, asked: Instant::now(), rotations: self.rotations };
        match answer {
            Answer::Ready(batch) => {
                carriage.round.batch = batch;
                Ok(Some(carriage))
            }
            Answer::Pending(late) => {
                self.pending.spawn(async move {
                    carriage.round.batch = late.await;
                    carriage
                });
                Ok(None)
            }
        }
    }

    fn apply(&self, now: Now, batch: Batch) -> Answer {
        if batch.entries.is_empty() {
            return Answer::Ready(batch);
        }
        if self.pending.len() >= MAX_PENDING
            && let Some(stand_in) = self.tracker.storage().stand_in()
        {
            return Answer::Ready(stand_in.answer(now, batch));
        }
        self.tracker.apply(now, batch)
    }

    /// What is due to each letter, now that the store has been told of them.
    fn due(&mut self, letters: &[Letter], now: Seconds, entries: usize) -> Result<Vec<Due>, String> {
        let told = self.remote.as_ref().and_then(|remote| remote.take_told());
        let applied = told.is_some_and(|told| told.applied);
        // Of what a remote store may fail, memory answers, if there is any.
        let may_fail = self.own.is_none() && told.is_some_and(|told| told.may_fail);
        let mut admitted = 0;
        let mut due = Vec::with_capacity(letters.len());
        for letter in letters {
            let verified = self.is_verified(letter);
            due.push(match &letter.ask {
                Ask::Connect => Due::Connect,
                _ if !verified => Due::Silence,
                ask => {
                    admitted += if let Ask::Scrape(torrents) = ask { torrents.len() } else { 1 };
                    let source = letter.source.ip();
                    let own = self.own.as_mut().and_then(|truth| truth.apply(now, source, ask));
                    let theirs = self.theirs.as_mut().filter(|_| applied);
                    Due::Reply { own, theirs: theirs.and_then(|truth| truth.apply(now, source, ask)), may_fail }
                }
            });
        }
        if admitted == entries { Ok(due) } else { Err(format!("{entries} requests reach the store, not {admitted}")) }
    }

    /// Its id was handed out to its source, and has not been rotated out.
    fn is_verified(&self, letter: &Letter) -> bool {
        let (source, rotations) = (network(letter.source.ip()), self.rotations);
        let good = |(owner, issued): &(IpAddr, u64)| *owner == source && rotations - issued < GENERATIONS as u64;
        self.issued.get(&letter.connection_id).is_some_and(good)
    }

    /// Writes a batch's replies, and holds them to what is due.
    pub(super) fn finish(&mut self, carriage: Carriage, rng: &mut SmallRng) -> Result<Vec<(usize, Vec<u8>)>, String> {
        let Carriage { mut mail, round, due, asked, rotations } = carriage;
        self.handlers[0].write(&mut mail, &round, rng);
        let waited = asked.elapsed();
        if self.own.is_some() && waited > TIMEOUT + Duration::from_millis(2) {
            return Err(format!("answered after {waited:?}"));
        }
        let mut replies = Vec::new();
        for (index, due) in due.iter().enumerate() {
            let (letter, bytes) = (&mail.letters[index], mail.answer(index));
            let told = |problem| format!("{problem}\n  asked by {}: {:?}", letter.source, letter.ask);
            self.check(letter, due, bytes, rotations).map_err(told)?;
            // What goes to a forger, no client gets.
            if !bytes.is_empty() && !letter.forged {
                replies.push((letter.client, bytes.to_vec()));
            }
        }
        Ok(replies)
    }

    fn check(&mut self, letter: &Letter, due: &Due, bytes: &[u8], rotations: u64) -> Result<(), String> {
        if bytes.is_empty() {
            return if matches!(due, Due::Silence) { Ok(()) } else { Err("no reply, though its id is good".into()) };
        }
        let reply = decode(bytes, letter.source)?;
        if reply.transaction() != letter.transaction {
            return Err(format!("a reply to transaction {}, not {}", reply.transaction(), letter.transaction));
        }
        match (due, &reply) {
            (Due::Silence, _) => Err("a reply, though its id is not good".into()),
            (Due::Connect, udp::Reply::Connect { connection_id: 0 | PROTOCOL_ID, .. }) => Err("a reserved id".into()),
            (Due::Connect, udp::Reply::Connect { connection_id, .. }) => {
                self.issued.insert(*connection_id, (network(letter.source.ip()), rotations));
                Ok(())
            }
            (Due::Reply { may_fail: true, .. }, udp::Reply::Error { .. }) => Ok(()),
            (_, udp::Reply::Announce { interval, .. }) if !self.intervals.contains(interval) => {
                Err(format!("an interval of {interval} s, not {:?}", self.intervals))
            }
            (Due::Reply { own, theirs, .. }, _) => check(&reply, [own.as_ref(), theirs.as_ref()]),
            (Due::Connect, _) => Err(format!("{reply:?} to a connect")),
        }
    }

    /// The next batch that the store answers late.
    pub(super) async fn late(&mut self) -> Option<Carriage> {
        let carriage = self.pending.join_next().await?;
        Some(carriage.expect("no answer panics"))
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The timer's work: a new secret.
    pub(super) fn rotate(&mut self, rng: &mut SmallRng) {
        self.rotations += 1;
        let secret = Secret(rng.random());
        if self.defect != Some(Defect::AcceptsIdsForEver) {
            self.connection_ids.store(Arc::new(self.connection_ids.load().rotate(secret)));
        }
    }

    /// The timer's work: sweeps.
    pub(super) fn sweep(&mut self, (now, seconds): (Now, Seconds), times: usize) {
        (0..times).for_each(|_| self.tracker.storage().sweep(now));
        [&mut self.own, &mut self.theirs].into_iter().flatten().for_each(|truth| truth.sweep(seconds, times));
    }

    /// The clock is set back.
    pub(super) fn set_back(&mut self, seconds: Seconds) {
        [&mut self.own, &mut self.theirs].into_iter().flatten().for_each(|truth| truth.set_back(seconds));
    }

    /// Compares all that a torrent's swarms hold in this process's memory with what they must.
    pub(super) fn inspect(&mut self, torrent: u8, now: Now) -> Result<(), String> {
        let Some(truth) = &self.own else { return Ok(()) };
        for onlooker in ONLOOKERS {
            let onlooker: SocketAddr = onlooker.parse().expect("an address and a port");
            let mut batch = Batch { seed: 1, ..Batch::default() };
            let want = Want { peers: u32::MAX, both_families: false };
            let (info_hash, change) = (InfoHash([torrent; 20]), Change::Unchanged { role: Role::Downloader });
            batch.push(storage::Announce { info_hash, peer: onlooker.into(), change, want });
            let storage = self.tracker.storage();
            let batch = match storage.stand_in() {
                Some(memory) => memory.answer(now, batch),
                None => match storage.apply(now, batch) {
                    Answer::Ready(batch) => batch,
                    Answer::Pending(_) => return Ok(()),
                },
            };
            let Reply::Announce { counts, peers } = batch.entries[0].reply else { return Err("not looked up".into()) };
            let family = Family::of(onlooker.ip());
            let peers = Endpoint::list(family, batch.compact(peers[family]));
            let peers: Vec<_> = peers.map(|peer| SocketAddr::new(peer.address(), peer.port())).collect();
            let members = counts.seeders + counts.leechers;
            if usize::try_from(members) != Ok(peers.len()) {
                return Err(format!("{members} members are counted, and {} returned", peers.len()));
            }
            let swarm = truth.look(&[torrent; 20], onlooker);
            swarm.check(counts.seeders, counts.leechers, &peers).map_err(|problem| format!("in memory: {problem}"))?;
        }
        Ok(())
    }

    /// Whether the remote store is taken to be away.
    pub(super) fn is_degraded(&self) -> bool {
        self.tracker.storage().health().degraded
    }
}

fn storage(plan: &Plan, defect: Option<Defect>, rng: &mut SmallRng) -> (Arc<dyn Storage>, Option<Arc<Remote>>) {
    let lifetime = plan.tracker.peer_lifetime.0;
    let lifetime = if defect == Some(Defect::ForgetsTooSoon) { lifetime / 2 } else { lifetime };
    let environment = Environment::new(lifetime, rng.random(), Clock::start());
    let config = memory::Config { shards: plan.shards.into(), ..memory::Config::default() };
    let memory = || Arc::new(MemoryStorage::new(&config, environment.clone()));
    if plan.store == Store::Memory {
        return (memory(), None);
    }
    let remote = Arc::new(Remote::new(memory(), rng.random()));
    let shared = Arc::clone(&remote) as Arc<dyn Storage>;
    let storage: Arc<dyn Storage> = match plan.store {
        Store::Covered if defect == Some(Defect::FallsBackOnNothing) => {
            Arc::new(Careless { remote: shared, memory: memory(), patience: TIMEOUT })
        }
        Store::Covered => {
            let config = fallback::Config { timeout: TIMEOUT, ..fallback::Config::default() };
            Arc::new(Fallback::new(shared, config, &environment))
        }
        Store::Memory | Store::Bare => shared,
    };
    (storage, Some(remote))
}

/// Whose an id is: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => std::net::Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// What a client makes of a datagram.
pub(super) fn decode(bytes: &[u8], client: SocketAddr) -> Result<udp::Reply, String> {
    udp::decode(bytes, tracker_client::Family::of(client.ip())).map_err(|malformed| malformed.to_string())
}

impl Conduct {
    pub(super) fn draw(store: Store, rng: &mut SmallRng) -> Self {
        let all = [Self::Slow, Self::Fails, Self::FailsSome, Self::Hangs];
        // Nothing bounds what a store without a fallback takes; it must not hang.
        let number = if store == Store::Bare { all.len() - 1 } else { all.len() };
        all[rng.random_range(0..number)]
    }
}

/// Secrets whose ids are accepted, as in `chihaya.toml`.
const GENERATIONS: usize = 3;

/// How long a fallback waits.
const TIMEOUT: Duration = Duration::from_millis(250);

/// Batches that may wait for the store before who stands in for it is asked, as in a worker.
const MAX_PENDING: usize = 16;

const ONLOOKERS: [&str; 2] = ["203.0.113.1:1", "[2001:db8:ffff::1]:1"];
