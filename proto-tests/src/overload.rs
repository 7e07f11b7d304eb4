//! A tracker with a part of a processor, and twice the load it can serve: how many of its clients are still answered in time.

mod clients;
mod report;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracker_client::{Announce, Family, http, udp};

use crate::quota::Quota;
use crate::tracker::Tracker;
use clients::{Clients, Garbage};
pub use report::Report;

/// What the tracker must be configured with: one worker, which serves both transports.
pub const CONFIG: &str = "\
server.workers = 1
udp.listen = [\"127.0.0.1:0\"]
http.listen = [\"127.0.0.1:0\"]
";

/// One way to load the tracker, and what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Announces a second.
    pub offered: f64,
    /// Of these, those that were answered in time.
    pub useful: f64,
    /// Of a processor, what the tracker used.
    pub used: f64,
    /// Until the answer came: half of them waited less, and ninety-nine of a hundred.
    pub waits: (Duration, Duration),
}

/// Loads a tracker that has so many hundredths of a processor, in rounds: as fast as it answers; with twice that; and with as much
/// garbage beside some clients.
///
/// # Panics
///
/// If the tracker does not serve before and after.
pub fn run(tracker: &Tracker, rounds: usize, percent: u32) -> Report {
    let mut clients = Clients::new(tracker);
    let quota = Quota::confine(tracker.pid(), percent);
    let stop = AtomicBool::new(false);
    let mut report = Report { percent, means: quota.means(), is_exact: quota.is_exact(), ..Report::default() };
    thread::scope(|scope| {
        let web = scope.spawn(|| browse(tracker, &stop));
        // As long as it takes to be warm.
        clients.ask_as_answered(LAP / 4);
        for _ in 0..rounds {
            let peak = clients.ask_as_answered(LAP);
            let twice = clients.ask_at(2.0 * peak.useful, LAP);
            let garbage = Garbage::start(tracker, 2.0 * peak.useful);
            let beside = clients.ask_at(peak.useful / 4.0, LAP);
            report.rounds.push([peak, twice, beside]);
            report.garbage.push(garbage.stop());
        }
        stop.store(true, Ordering::Relaxed);
        report.http = web.join().unwrap_or_else(|failed| std::panic::resume_unwind(failed));
    });
    drop(quota);
    let mut client = udp::Client::new(LOCALHOST, tracker.udp(Family::V4), PATIENCE).expect("a socket can be bound");
    client.announce(&Announce::new(*b"after all the noise!", 1)).expect("the tracker serves afterwards");
    report
}

/// One client after another announces over HTTP. Returns how long each has waited.
fn browse(tracker: &Tracker, stop: &AtomicBool) -> Vec<Duration> {
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let mut client = http::Client::new(LOCALHOST, tracker.http(Family::V4), PATIENCE);
        let port = u16::try_from(waits.len() % 1_000).expect("below a thousand") + 1;
        let answer = client.announce("/announce", &Announce::new(*b"a torrent of the web", port));
        answer.unwrap_or_else(|failure| panic!("no answer over HTTP: {failure}"));
        waits.push(begun.elapsed());
        thread::sleep(Duration::from_millis(20));
    }
    waits
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How long each load lasts.
const LAP: Duration = Duration::from_millis(1_500);

/// What comes later is of no use: clients ask again after 5 seconds at the earliest.
const PATIENCE: Duration = Duration::from_secs(5);
