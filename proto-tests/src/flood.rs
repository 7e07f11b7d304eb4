//! A tracker whose memory is limited, somebody who invents torrents as fast as it answers, and ordinary clients among them,
//! who lose nobody.

mod attacker;
mod ordinary;
mod report;
mod swarms;
mod wildcard;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracker_client::{Family, udp};

use crate::garbage::resident_kibibytes;
use crate::tracker::Tracker;
use attacker::Attacker;
use ordinary::Ordinary;
pub use report::Report;

/// What is done, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Torrents, and peers, that the tracker keeps at most.
    pub most: usize,
    /// Addresses that the attacker has: 1 to 100,000.
    pub sources: u32,
    /// Whether each invented torrent is announced twice, and so looks like one that is renewed.
    pub twice: bool,
    /// Between two announces of an ordinary client.
    pub interval: Duration,
    /// How long the flood lasts.
    pub time: Duration,
}

impl Plan {
    /// What the tracker must be configured with: peers live for seven intervals, so that who comes again after one has come after
    /// more than an eighth of a lifetime, as with the defaults.
    /// One source may bring in as much as many, so that the bound is what holds it.
    pub fn config(&self) -> String {
        let (most, interval) = (self.most, self.interval.as_secs());
        let lifetime = 7 * interval;
        format!(
            "[server]\nworkers = 1\n[tracker]\nannounce_interval = \"{interval}s\"\nmin_announce_interval = \"1s\"\n\
             peer_lifetime = \"{lifetime}s\"\n[udp]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = []\n\
             [storage.memory]\nmax_torrents = {most}\nmax_peers = {most}\n\
             [limits]\nnew_entries_per_second = 0\n"
        )
    }
}

/// Floods a tracker.
///
/// # Panics
///
/// If it does not serve at all. What else it may do wrong is in the report.
pub fn run(tracker: &Tracker, plan: Plan) -> Report {
    let mut ordinary = Ordinary::new(tracker, plan.interval);
    ordinary.settle_in();
    let mut attacker = Attacker::new(tracker, plan);
    let stop = AtomicBool::new(false);
    let mut report = Report { plan: Some(plan), ..Report::default() };
    let attacker = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            attacker.flood(&stop);
            attacker
        });
        let begun = Instant::now();
        let half = begun + plan.time / 2;
        ordinary.go_on_until(half);
        let before = resident_kibibytes(tracker);
        ordinary.go_on_until(begun + plan.time);
        report.resident_kibibytes = (before, resident_kibibytes(tracker));
        stop.store(true, Ordering::Relaxed);
        flood.join().unwrap_or_else(|failed| std::panic::resume_unwind(failed))
    });
    ordinary.go_on_until(Instant::now() + plan.interval + Duration::from_secs(1));
    report.ordinary = ordinary.account();
    (report.sent, report.answered, report.invented) = (attacker.sent(), attacker.answered(), attacker.invented());
    let invented = (0..attacker.invented()).map(attacker::info_hash);
    let ordinary = (0..report.ordinary.torrents).map(swarms::info_hash);
    report.kept = kept(tracker, invented.chain(ordinary));
    report
}

/// Peers of these torrents, counted by asking for each.
fn kept(tracker: &Tracker, mut torrents: impl Iterator<Item = [u8; 20]>) -> u64 {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let client = udp::Client::new(localhost, tracker.udp(Family::V4), Duration::from_secs(10));
    let mut client = client.expect("a socket can be bound");
    let mut kept = 0;
    loop {
        let asked: Vec<_> = torrents.by_ref().take(SCRAPE).collect();
        if asked.is_empty() {
            return kept;
        }
        let counts = client.scrape(&asked).expect("a scrape is answered");
        kept += counts.iter().map(|counts| u64::from(counts.seeders) + u64::from(counts.leechers)).sum::<u64>();
    }
}

/// Torrents that one scrape is answered for (BEP 15).
const SCRAPE: usize = 74;
