//! Whether the remote store is asked: it is, until it has failed a few times in a row, and then now and then.
//!
//! It knows no store and no clock: outcomes and moments are told to it, and it says what changes. While all is well, asking it
//! costs a load or two; its lock is taken where something fails.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::time::Instant;

/// Lets batches through to a store that answers, and keeps them from one that does not.
#[derive(Debug)]
pub(super) struct Breaker {
    start: Instant,
    /// Nobody passes but a probe.
    open: AtomicBool,
    /// Milliseconds from the start until the next probe is due.
    probe_at: AtomicU64,
    /// Something has failed since the last success.
    troubled: AtomicBool,
    /// How often it has opened.
    openings: AtomicU64,
    state: Mutex<State>,
}

/// Leave to ask the remote store, to be [reported on](Breaker::report).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pass {
    /// As always. It is of no account once the breaker has opened more often than so.
    Ordinary(u64),
    /// To find out whether the store is back. There is one at a time.
    Probe,
}

/// What came of a batch that was let through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// At least one request was answered.
    Answered,
    /// None was, and that was said in time.
    Failed,
    /// Nothing was said in time.
    TimedOut,
    /// Whoever waited for it has gone.
    GivenUp,
}

/// The breaker has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Change {
    /// After so many time-outs and failures in a row.
    Opened(Row),
    /// After having been open for so long.
    Closed(Duration),
}

/// What has failed since the last success.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Row {
    pub(super) time_outs: u32,
    pub(super) failures: u32,
}

#[derive(Debug)]
struct State {
    rng: SmallRng,
    row: Row,
    /// When the row began.
    row_since: Instant,
    /// Probes in vain, which decide on the next pause.
    probes: u32,
    opened: Instant,
    closed: Option<Instant>,
}

impl Breaker {
    /// A closed one.
    pub(super) fn new(rng: SmallRng, now: Instant) -> Self {
        Self {
            start: now,
            open: AtomicBool::new(false),
            probe_at: AtomicU64::new(NEVER),
            troubled: AtomicBool::new(false),
            openings: AtomicU64::new(0),
            state: Mutex::new(State { rng, row: Row::default(), row_since: now, probes: 0, opened: now, closed: None }),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    pub(super) fn openings(&self) -> u64 {
        self.openings.load(Ordering::Relaxed)
    }

    /// Whether a batch may ask the store.
    pub(super) fn pass(&self, now: Instant) -> Option<Pass> {
        let openings = self.openings();
        if !self.is_open() {
            return Some(Pass::Ordinary(openings));
        }
        let due = self.probe_at.load(Ordering::Relaxed);
        let claim = || self.probe_at.compare_exchange(due, NEVER, Ordering::Relaxed, Ordering::Relaxed);
        (due <= self.milliseconds(now) && claim().is_ok()).then_some(Pass::Probe)
    }

    /// What came of a batch.
    pub(super) fn report(&self, pass: Pass, outcome: Outcome, now: Instant) -> Option<Change> {
        match (pass, outcome) {
            (Pass::Probe, Outcome::Answered) => Some(self.close(now)),
            (Pass::Probe, _) => {
                let mut state = self.state.lock();
                state.probes = state.probes.saturating_add(1);
                self.schedule(&mut state, now);
                None
            }
            (Pass::Ordinary(_), Outcome::GivenUp) => None,
            (Pass::Ordinary(_), Outcome::Answered) => {
                if self.troubled.load(Ordering::Relaxed) {
                    let mut state = self.state.lock();
                    state.row = Row::default();
                    self.troubled.store(false, Ordering::Relaxed);
                }
                None
            }
            (Pass::Ordinary(openings), Outcome::Failed | Outcome::TimedOut) => self.fail(openings, outcome, now),
        }
    }

    fn fail(&self, openings: u64, outcome: Outcome, now: Instant) -> Option<Change> {
        let mut state = self.state.lock();
        // One that was under way when the breaker opened says nothing of the store that has come back since.
        if self.is_open() || openings != self.openings() {
            return None;
        }
        if state.row == Row::default() {
            state.row_since = now;
        }
        match outcome {
            Outcome::TimedOut => state.row.time_outs += 1,
            _ => state.row.failures += 1,
        }
        self.troubled.store(true, Ordering::Relaxed);
        let Row { time_outs, failures } = state.row;
        let lasting = time_outs + failures >= ROW && now - state.row_since >= FAILING;
        (time_outs >= ROW || lasting).then(|| self.open(&mut state, now))
    }

    fn open(&self, state: &mut State, now: Instant) -> Change {
        // A store that fails again as soon as it is back has not really been back.
        let again = state.closed.is_some_and(|closed| now - closed < CALM);
        state.probes = if again { state.probes.saturating_add(1) } else { 0 };
        let row = std::mem::take(&mut state.row);
        self.troubled.store(false, Ordering::Relaxed);
        state.opened = now;
        self.schedule(state, now);
        self.openings.fetch_add(1, Ordering::Relaxed);
        self.open.store(true, Ordering::Relaxed);
        Change::Opened(row)
    }

    fn close(&self, now: Instant) -> Change {
        let mut state = self.state.lock();
        state.closed = Some(now);
        let degraded = now - state.opened;
        self.open.store(false, Ordering::Relaxed);
        Change::Closed(degraded)
    }

    /// Has the next probe wait longer than the last, but for chance, which parts the trackers that lost one store together.
    fn schedule(&self, state: &mut State, now: Instant) {
        let longest = FIRST_PAUSE.saturating_mul(1 << state.probes.min(16)).min(LONGEST_PAUSE);
        let pause = longest.mul_f64(state.rng.random_range(0.5..=1.0));
        self.probe_at.store(self.milliseconds(now + pause), Ordering::Relaxed);
    }

    fn milliseconds(&self, moment: Instant) -> u64 {
        u64::try_from((moment - self.start).as_millis()).unwrap_or(NEVER)
    }
}

/// No probe is due, since one is under way.
const NEVER: u64 = u64::MAX;

/// Batches in a row that must have failed: one alone may be an accident of the network.
const ROW: u32 = 3;

/// How long failures must go on: each is told at once and keeps nobody waiting, and where only some torrents fail, as in a
/// cluster that lacks a node, others succeed meanwhile.
const FAILING: Duration = Duration::from_secs(1);

/// How long the store must have been well for its next failures to be new ones.
const CALM: Duration = Duration::from_secs(10);

/// Before the first probe.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Before any: a store that has come back is in use within twice this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
