use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex};

use chihaya::bittorrent::{Counts, Endpoint, Family, InfoHash, PerFamily};
use chihaya::clock::Now;
use chihaya::storage::{
    Announce, Answer, Batch, Change, Driver, Environment, Reply, Request, Role, SWEEPS_PER_PASS, Settings,
    SettingsError, Span, Storage, StorageError, Totals,
};
use rand::rngs::SmallRng;
use rand::{SeedableRng, seq::IteratorRandom};
use serde::{Deserialize, Serialize};

/// The driver named `ordered`: swarms in ordered maps, behind one lock.
pub struct OrderedDriver;

/// `[storage.ordered]`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Beyond so many torrents, peers of new ones are answered and not kept.
    max_torrents: usize,
}

impl Driver for OrderedDriver {
    fn name(&self) -> &'static str {
        "ordered"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::try_from(Config { max_torrents: 1_000_000 }).expect("a number makes a table")
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        match settings.read()? {
            Config { max_torrents: 0 } => {
                Err(SettingsError { key: "max_torrents".into(), message: "0 is too few; choose 1 or more".into() })
            }
            Config { .. } => Ok(()),
        }
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        let Config { max_torrents } = settings.read()?;
        // Nobody is forgotten too soon, though moments are whole seconds and a lifetime need not be.
        let lifetime_seconds = environment.peer_lifetime.as_secs() + 1;
        let swept = InfoHash([0; 20]);
        let swarms = Swarms { torrents: BTreeMap::new(), max_torrents, lifetime_seconds, swept, slice: 1 };
        Ok(Arc::new(Ordered(Mutex::new(swarms))))
    }
}

struct Ordered(Mutex<Swarms>);

impl Storage for Ordered {
    fn apply(&self, now: Now, mut batch: Batch) -> Answer {
        let mut swarms = self.0.lock().expect("a panic ends the process");
        let mut rng = SmallRng::seed_from_u64(batch.seed);
        for index in 0..batch.entries.len() {
            batch.entries[index].reply = match batch.entries[index].request {
                Request::Announce(announce) => swarms.announce(now, &announce, &mut batch, &mut rng),
                Request::Scrape(scrape) => Reply::Scrape { counts: swarms.counts(&scrape.info_hash, scrape.family) },
            };
        }
        Answer::Ready(batch)
    }

    fn sweep(&self, now: Now) {
        self.0.lock().expect("a panic ends the process").sweep(now);
    }

    fn totals(&self) -> Totals {
        let torrents = self.0.lock().expect("a panic ends the process").torrents.len();
        Totals { torrents: Some(torrents as u64), ..Totals::default() }
    }
}

struct Swarms {
    torrents: BTreeMap<InfoHash, Torrent>,
    max_torrents: usize,
    lifetime_seconds: u64,
    /// The torrent that the last sweep ended with.
    swept: InfoHash,
    /// How many a sweep takes. It never shrinks: while torrents go, a pass would not get round.
    slice: usize,
}

struct Torrent {
    peers: BTreeMap<Endpoint, Peer>,
    completed: u32,
    /// When there was a peer last.
    inhabited: Now,
}

struct Peer {
    role: Role,
    /// It began as a seeder, or its completion has been counted.
    settled: bool,
    announced: Now,
}

impl Swarms {
    fn announce(&mut self, now: Now, announce: &Announce, batch: &mut Batch, rng: &mut SmallRng) -> Reply {
        let Announce { info_hash, peer, change, want } = *announce;
        let room = self.torrents.len() < self.max_torrents || self.torrents.contains_key(&info_hash);
        match change {
            Change::Present { role, completed } if room => {
                let new = || Torrent { peers: BTreeMap::new(), completed: 0, inhabited: now };
                self.torrents.entry(info_hash).or_insert_with(new).put(now, peer, role, completed);
            }
            Change::Absent => self.remove(now, &info_hash, peer),
            Change::Present { .. } | Change::Unchanged { .. } => {}
        }
        let mut peers = PerFamily::<Span>::default();
        let (Change::Present { role, .. } | Change::Unchanged { role }, Some(torrent)) =
            (change, self.torrents.get(&info_hash))
        else {
            return Reply::Announce { counts: self.counts(&info_hash, peer.family()), peers };
        };
        let [v4, v6] = Family::BOTH.map(|family| torrent.offers(family, role, peer).map(|_| 1).sum());
        let share = want.split(peer.family(), PerFamily { v4, v6 });
        for family in Family::BOTH {
            let chosen = torrent.offers(family, role, peer).sample(rng, share[family] as usize);
            peers[family] = batch.append(chosen);
        }
        Reply::Announce { counts: torrent.counts(peer.family()), peers }
    }

    fn remove(&mut self, now: Now, info_hash: &InfoHash, peer: Endpoint) {
        let Some(torrent) = self.torrents.get_mut(info_hash) else { return };
        if torrent.peers.remove(&peer).is_some() {
            torrent.inhabited = now;
        }
        if torrent.peers.is_empty() && torrent.completed == 0 {
            self.torrents.remove(info_hash);
        }
    }

    fn counts(&self, info_hash: &InfoHash, family: Family) -> Counts {
        self.torrents.get(info_hash).map(|torrent| torrent.counts(family)).unwrap_or_default()
    }

    /// Sweeps the torrents behind the last swept one, and from the first one on behind the last one.
    fn sweep(&mut self, now: Now) {
        self.slice = self.slice.max(self.torrents.len() / SWEEPS_PER_PASS + 1);
        let behind = self.torrents.range((Excluded(self.swept), Unbounded));
        let hashes: Vec<_> =
            behind.chain(self.torrents.range(..=self.swept)).map(|(hash, _)| *hash).take(self.slice).collect();
        for info_hash in hashes {
            self.swept = info_hash;
            if self.torrents.get_mut(&info_hash).is_some_and(|torrent| torrent.is_forgotten(now, self.lifetime_seconds))
            {
                self.torrents.remove(&info_hash);
            }
        }
    }
}

impl Torrent {
    fn put(&mut self, now: Now, endpoint: Endpoint, role: Role, completed: bool) {
        let known = self.peers.get(&endpoint).map(|peer| peer.settled);
        let completes = completed && role == Role::Seeder && known != Some(true);
        self.completed += u32::from(completes);
        let settled = completes || known.unwrap_or(role == Role::Seeder);
        self.peers.insert(endpoint, Peer { role, settled, announced: now });
    }

    /// Those of a family who may be returned to a requester of this role: never itself.
    fn offers(&self, family: Family, role: Role, requester: Endpoint) -> impl Iterator<Item = Endpoint> {
        let others =
            self.peers.iter().filter(move |(endpoint, _)| endpoint.family() == family && **endpoint != requester);
        let offered = others.filter(move |(_, peer)| role == Role::Downloader || peer.role == Role::Downloader);
        offered.map(|(endpoint, _)| *endpoint)
    }

    fn counts(&self, family: Family) -> Counts {
        let mut counts = Counts { completed: self.completed, ..Counts::default() };
        for (_, peer) in self.peers.iter().filter(|(endpoint, _)| endpoint.family() == family) {
            counts.seeders += u32::from(peer.role == Role::Seeder);
            counts.leechers += u32::from(peer.role != Role::Seeder);
            counts.downloaders += u32::from(peer.role == Role::Downloader);
        }
        counts
    }

    /// Drops expired peers. Completed downloads are remembered for a lifetime after the last peer.
    fn is_forgotten(&mut self, now: Now, lifetime_seconds: u64) -> bool {
        let is_over = |since: Now| u64::from(now.seconds_since(since)) > lifetime_seconds;
        if !self.peers.is_empty() {
            self.inhabited = now;
        }
        self.peers.retain(|_, peer| !is_over(peer.announced));
        self.peers.is_empty() && (self.completed == 0 || is_over(self.inhabited))
    }
}
