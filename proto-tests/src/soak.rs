//! A tracker under the mix of requests that real clients make, for any time: no wrong answer, and memory that stays flat.
//!
//! Crowds come, renew, leave and vanish over UDP, at a share of what the tracker can serve. Among them stories of a
//! few peers each are told over both transports and families, and every answer to those is compared with a model.

mod load;
mod sample;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::garbage::resident_kibibytes;
use crate::tracker::Tracker;
use load::Load;

/// What the tracker must be configured with: peers that vanish are forgotten soon, so that memory reaches its plateau.
pub const CONFIG: &str = "\
server.workers = 1
udp.listen = [\"127.0.0.1:0\", \"[::1]:0\"]
udp.receive_buffer = \"64KiB\"
http.listen = [\"127.0.0.1:0\", \"[::1]:0\"]
tracker.announce_interval = \"3s\"
tracker.min_announce_interval = \"1s\"
tracker.peer_lifetime = \"4s\"
";

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Requests of the crowds a second that the tracker can answer, and those it was sent.
    pub rates: (f64, f64),
    /// Requests of the crowds, and those without an answer.
    pub asked: (u64, u64),
    /// Stories, and requests in them; each answer was right.
    pub stories: (u64, u64),
    /// The second quarter of the time, and the last.
    pub quarters: (Quarter, Quarter),
    time: Duration,
}

/// A quarter of the time.
#[derive(Debug, Default)]
pub struct Quarter {
    /// Requests of the crowds.
    pub asked: u64,
    /// The most resident memory.
    pub resident_kibibytes: u64,
}

/// Soaks a tracker for so long.
///
/// # Panics
/// At the first wrong answer.
pub fn run(tracker: &Tracker, time: Duration) -> Report {
    let mut load = Load::new(tracker);
    let peak = load.peak(PROBE);
    let (mut report, stop) =
        (Report { rates: (peak, peak * SHARE), time, ..Report::default() }, AtomicBool::new(false));
    thread::scope(|scope| {
        let stories = scope.spawn(|| sample::tell_until(tracker, &stop));
        let begun = Instant::now();
        while begun.elapsed() < time && !stories.is_finished() {
            let (asked, unanswered) = load.run(peak * SHARE, Duration::from_millis(500));
            report.asked = (report.asked.0 + asked, report.asked.1 + unanswered);
            let resident = resident_kibibytes(tracker);
            let quarter = match begun.elapsed().as_secs_f64() / time.as_secs_f64() {
                0.25..0.5 => &mut report.quarters.0,
                0.75.. => &mut report.quarters.1,
                _ => continue,
            };
            quarter.asked += asked;
            quarter.resident_kibibytes = quarter.resident_kibibytes.max(resident);
        }
        stop.store(true, Ordering::Relaxed);
        report.stories = stories.join().unwrap_or_else(|wrong| std::panic::resume_unwind(wrong));
    });
    report
}

impl Report {
    /// Fails if too much had no answer or, once there was time for a plateau, memory has grown from the second quarter to the last.
    ///
    /// # Panics
    /// If more than a hundredth has no answer; if memory has grown by more than a twentieth beyond what the crowds have: on a machine that
    /// does other work they come more slowly, and fewer of them are there at a time.
    pub fn assert_held(&self) {
        let (before, after) = &self.quarters;
        let grown = u128::from(before.resident_kibibytes) * u128::from(after.asked.max(before.asked))
            / u128::from(before.asked.max(1));
        let flat = u128::from(after.resident_kibibytes) <= grown + grown / 20 + SLACK_KIBIBYTES;
        assert!(flat || self.time < 2 * PLATEAU, "memory has grown\n{self}");
        assert!(self.asked.1 * 100 <= self.asked.0, "more than a hundredth has no answer\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rates: (peak, rate), asked: (asked, unanswered), stories: (stories, requests), .. } = self;
        writeln!(f, "{rate:.0} requests/s of {peak:.0} at most; {asked} in all, {unanswered} without an answer")?;
        writeln!(f, "{stories} stories of {requests} requests, every answer as the model's")?;
        let (before, after) = &self.quarters;
        writeln!(f, "second quarter: {} requests, {} KiB at most", before.asked, before.resident_kibibytes)?;
        write!(f, "last quarter: {} requests, {} KiB at most", after.asked, after.resident_kibibytes)
    }
}

/// Of what the tracker can serve.
const SHARE: f64 = 0.7;

/// How long its most is measured.
const PROBE: Duration = Duration::from_secs(2);

/// Until then memory grows: those who vanish are forgotten by sweeps, which come round in about a minute.
const PLATEAU: Duration = Duration::from_secs(70);

/// Beside the twentieth, for what is small.
const SLACK_KIBIBYTES: u128 = 512;
