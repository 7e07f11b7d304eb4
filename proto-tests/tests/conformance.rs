//! The conformance kit: green on stores that keep their promises, red, with a reason, on those that do not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chihaya::bittorrent::{Family, InfoHash};
use chihaya::clock::Now;
use chihaya::storage::conformance::{Kit, Time};
use chihaya::storage::memory::MemoryDriver;
use chihaya::storage::{
    Answer, Batch, Change, Driver, Environment, Reply, Request, Role, Settings, SettingsError, Span, Storage,
    StorageError, Totals,
};
use parking_lot::Mutex;
use proto_tests::late::Late;
use proto_tests::ordered::OrderedDriver;
use proto_tests::wayward::{Covered, Wayward};

#[test]
fn the_memory_store_conforms() {
    for settings in ["", "shards = 1"] {
        Kit::new(&MemoryDriver, Settings(settings.parse().expect("a table")), Time::Given).run().assert();
    }
}

#[test]
fn a_store_that_answers_late_conforms() {
    let settings = Settings(r#"longest_delay = "1ms""#.parse().expect("a table"));
    Kit::new(&Late, settings, Time::Given).run().assert();
}

#[test]
fn a_fallback_conforms_around_stores_that_do() {
    let timeout = Duration::from_secs(1);
    Kit::new(&Covered { driver: MemoryDriver, timeout }, Settings::default(), Time::Given).run().assert();
    let settings = Settings(r#"longest_delay = "1ms""#.parse().expect("a table"));
    Kit::new(&Covered { driver: Late, timeout }, settings, Time::Given).run().assert();
}

#[test]
fn a_fallback_conforms_alone() {
    for conduct in ["conduct = \"hang\"", "conduct = \"fail\""] {
        let settings = Settings(conduct.parse().expect("a table"));
        let timeout = Duration::from_millis(5);
        Kit::new(&Covered { driver: Wayward, timeout }, settings, Time::Given).run().assert();
    }
}

#[test]
fn the_documented_example_conforms() {
    Kit::new(&OrderedDriver, Settings::default(), Time::Given).run().assert();
}

/// In service a store with a clock of its own sees the same time pass as its callers do; so does this one.
#[test]
fn a_store_conforms_in_real_time() {
    Kit::new(&MemoryDriver, Settings("shards = 1".parse().expect("a table")), Time::Own).run().assert();
}

#[test]
fn a_store_that_loses_a_peer_is_found_out() {
    let lose = |number: u64, request: &mut Request| {
        if let (Request::Announce(announce), true) = (request, number.is_multiple_of(50)) {
            announce.change = Change::Unchanged { role: Role::Downloader };
        }
    };
    found_out(Broken { ask: lose, ..SOUND }, "nobody is lost among several threads");
}

#[test]
fn a_store_that_returns_the_requester_is_found_out() {
    let add = |entry: &mut chihaya::storage::Entry, peers: &mut Vec<u8>, _: &mut Kept| {
        if let (Request::Announce(announce), Reply::Announce { peers: spans, .. }) = (&entry.request, &mut entry.reply)
        {
            let family = announce.peer.family();
            let before = peers[spans[family].range()].to_vec();
            let start = u32::try_from(peers.len()).expect("a small batch");
            peers.extend(before);
            peers.extend(announce.peer.as_bytes());
            spans[family] = Span { start, end: u32::try_from(peers.len()).expect("a small batch") };
        }
    };
    found_out(Broken { answer: add, ..SOUND }, "nobody is returned to itself");
}

#[test]
fn a_store_that_counts_completed_twice_is_found_out() {
    let count = |entry: &mut chihaya::storage::Entry, _: &mut Vec<u8>, kept: &mut Kept| {
        if let (Request::Announce(announce), Reply::Announce { counts, .. }) = (&entry.request, &mut entry.reply) {
            let said = kept.entry(announce.info_hash).or_default();
            *said += u32::from(matches!(announce.change, Change::Present { role: Role::Seeder, completed: true }));
            counts.completed = *said;
        }
    };
    found_out(Broken { answer: count, ..SOUND }, "a completed download counts once for each peer");
}

#[test]
fn a_store_that_mixes_families_is_found_out() {
    let mix = |_, request: &mut Request| {
        if let Request::Scrape(scrape) = request {
            scrape.family = Family::V4;
        }
    };
    found_out(Broken { ask: mix, ..SOUND }, "families are swarms of their own, of one torrent");
}

#[test]
fn a_store_that_never_forgets_is_found_out() {
    let lifetime = Some(Duration::from_secs(1_000_000));
    found_out(Broken { lifetime, ..SOUND }, "who falls silent is forgotten, and nobody else");
    let report = Kit::new(&Broken { lifetime, ..SOUND }, Settings::default(), Time::Own).run();
    let failed: Vec<_> = report.failures().map(|(name, _)| name).collect();
    // All that are about time, but for the one that asks whether anybody is lost too early.
    assert_eq!(failed.len(), 7, "{report}");
}

#[test]
fn a_store_that_forgets_too_soon_is_found_out() {
    // A second or two, as memory rounds it.
    let lifetime = Some(Duration::from_millis(1));
    let report = Kit::new(&Broken { lifetime, ..SOUND }, Settings::default(), Time::Own).run();
    let failed: Vec<_> = report.failures().map(|(name, _)| name).collect();
    assert!(failed.contains(&"who falls silent is forgotten, and nobody else"), "{report}");
    assert!(failed.contains(&"completed downloads outlive the last to leave by a lifetime"), "{report}");
}

#[test]
fn a_store_that_forgets_completed_downloads_is_found_out() {
    let forget = |entry: &mut chihaya::storage::Entry, _: &mut Vec<u8>, _: &mut Kept| {
        if let Reply::Scrape { counts } = &mut entry.reply {
            counts.completed *= u32::from(counts.seeders + counts.leechers > 0);
        }
    };
    found_out(Broken { answer: forget, ..SOUND }, "completed downloads outlive the last to leave by a lifetime");
}

#[track_caller]
fn found_out(broken: Broken, by: &str) {
    let report = Kit::new(&broken, Settings::default(), Time::Given).run();
    let reason = report.failures().find(|(name, _)| *name == by).map(|(_, mismatch)| mismatch.to_string());
    assert!(reason.as_ref().is_some_and(|reason| !reason.is_empty()), "{report}");
    assert!(report.to_string().contains(&format!("FAILED  {by}\n")), "{report}");
}

/// What a broken store remembers of its torrents.
type Kept = BTreeMap<InfoHash, u32>;

/// The memory store with one defect.
#[derive(Clone, Copy)]
struct Broken {
    lifetime: Option<Duration>,
    /// What becomes of each request, of which there have been so many, before the memory store sees it.
    ask: fn(u64, &mut Request),
    /// What becomes of each reply.
    answer: fn(&mut chihaya::storage::Entry, &mut Vec<u8>, &mut Kept),
}

const SOUND: Broken = Broken { lifetime: None, ask: |_, _| {}, answer: |_, _, _| {} };

impl Driver for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn defaults(&self) -> toml::Table {
        toml::Table::new()
    }

    fn check(&self, _: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn open(&self, settings: &Settings, environment: Environment) -> Result<Arc<dyn Storage>, StorageError> {
        let peer_lifetime = self.lifetime.unwrap_or(environment.peer_lifetime);
        let memory =
            MemoryDriver.open(settings, Environment::new(peer_lifetime, environment.key, environment.clock))?;
        Ok(Arc::new(BrokenStorage { defect: *self, memory, asked: Mutex::default(), kept: Mutex::default() }))
    }
}

struct BrokenStorage {
    defect: Broken,
    memory: Arc<dyn Storage>,
    asked: Mutex<u64>,
    kept: Mutex<Kept>,
}

impl Storage for BrokenStorage {
    fn apply(&self, now: Now, mut batch: Batch) -> Answer {
        let requests: Vec<_> = batch.entries.iter().map(|entry| entry.request).collect();
        for entry in &mut batch.entries {
            let mut asked = self.asked.lock();
            *asked += 1;
            (self.defect.ask)(*asked, &mut entry.request);
        }
        let Answer::Ready(mut batch) = self.memory.apply(now, batch) else { unreachable!("memory is never late") };
        for (entry, request) in batch.entries.iter_mut().zip(requests) {
            entry.request = request;
            (self.defect.answer)(entry, &mut batch.peers, &mut self.kept.lock());
        }
        Answer::Ready(batch)
    }

    fn sweep(&self, now: Now) {
        self.memory.sweep(now);
    }

    fn totals(&self) -> Totals {
        Totals::default()
    }
}
