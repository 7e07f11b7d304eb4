//! Garbage in great numbers, and what a tracker makes of it: nothing, in no memory.

mod kind;
mod report;

use std::collections::VecDeque;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};
use tracker_client::{Announce, Family, udp};

use crate::due::Due;
use crate::source::{BURST, Source};
use crate::tracker::Tracker;
pub use kind::Kind;
pub use report::{Report, Row};

/// What the tracker must be configured with: one worker, so that it answers in order, and both families.
pub const CONFIG: &str = "[server]\nworkers = 1\n[udp]\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\n[http]\nlisten = []\n";

/// Sends `tracker` so many datagrams from many addresses, and holds it to its promises:
///
/// - each datagram gets what its bytes say is [due](Due), so nothing without a valid id but a connect's 16 bytes;
/// - no reply is larger than its request;
/// - its memory stays as it is after the first hundredth;
/// - it serves announces afterwards.
///
/// # Panics
///
/// Where one of them is broken.
pub fn run(tracker: &Tracker, datagrams: u64, seed: u64) -> Report {
    let mut barrage = Barrage::new(tracker, seed);
    let start = Instant::now();
    barrage.send(datagrams / 100);
    let before = resident_kibibytes(tracker);
    barrage.send(datagrams - datagrams / 100);
    let seconds = start.elapsed().as_secs_f64();
    let after = resident_kibibytes(tracker);
    let rows = Kind::ALL.into_iter().zip(barrage.rows).collect();
    let report = Report { rows, resident_kibibytes: (before, after), seconds };
    assert!(after <= before + MOST_GROWTH_KIBIBYTES, "memory has grown\n{report}");
    for family in [Family::V4, Family::V6] {
        announce(tracker, family);
    }
    report
}

/// Sources, in turn, and what they have sent and received.
struct Barrage {
    sources: Vec<Source>,
    next: usize,
    rng: SmallRng,
    rows: [Row; Kind::ALL.len()],
}

/// A burst of one source that has not been settled yet.
struct Burst {
    source: usize,
    shots: Vec<Shot>,
}

/// A datagram on its way.
struct Shot {
    kind: usize,
    due: Due,
    length: usize,
    /// In wire order; nothing where the datagram is too short to have one.
    transaction: Option<[u8; 4]>,
    answered: bool,
}

impl Barrage {
    fn new(tracker: &Tracker, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let sources = (0..SOURCES).map(|number| {
            if number % 16 == 0 {
                return Source::new(Ipv6Addr::LOCALHOST.into(), tracker.udp(Family::V6));
            }
            let host = Ipv4Addr::new(127, rng.random(), rng.random(), rng.random_range(1..255));
            Source::new(host.into(), tracker.udp(Family::V4))
        });
        let sources = sources.collect();
        Self { sources, next: 0, rng, rows: Default::default() }
    }

    /// Sends so many datagrams, a burst ahead of the tracker, and awaits what comes back.
    fn send(&mut self, datagrams: u64) {
        let mut left = datagrams;
        let mut bursts = VecDeque::new();
        while left > 0 {
            let size = u32::try_from(left).map_or(BURST, |left| left.min(BURST));
            left -= u64::from(size);
            bursts.push_back(self.fire(size));
            if bursts.len() > 1 {
                self.settle(bursts.pop_front().expect("there are two"));
            }
        }
        bursts.into_iter().for_each(|burst| self.settle(burst));
    }

    fn fire(&mut self, size: u32) -> Burst {
        let number = self.next % self.sources.len();
        self.next += 1;
        let foreign = self.sources[(number + 1) % self.sources.len()].id();
        let source = &mut self.sources[number];
        let mut datagram = Vec::with_capacity(LONGEST);
        let mut shots = Vec::with_capacity(BURST as usize);
        for transaction in 0..size {
            let kind = self.rng.random_range(0..Kind::ALL.len());
            let transaction = transaction | self.rng.next_u32() << 8;
            Kind::ALL[kind].write(&mut datagram, &mut self.rng, transaction, source.id(), foreign);
            source.send(&datagram);
            let row = &mut self.rows[kind];
            row.sent += 1;
            row.sent_bytes += datagram.len() as u64;
            shots.push(Shot {
                kind,
                due: Due::to(&datagram, source.id()),
                length: datagram.len(),
                transaction: datagram.get(12..16).map(|bytes| bytes.try_into().expect("4 bytes")),
                answered: false,
            });
        }
        source.mark();
        Burst { source: number, shots }
    }

    /// Awaits the replies to a burst, each of them due.
    fn settle(&mut self, mut burst: Burst) {
        let source = &mut self.sources[burst.source];
        let family = source.family();
        source.settle(|reply| {
            let transaction = reply.get(4..8);
            let asked = |shot: &&mut Shot| shot.transaction.as_ref().map(<[u8; 4]>::as_slice) == transaction;
            let shot = burst.shots.iter_mut().filter(|shot| !shot.answered).find(asked);
            let shot = shot.unwrap_or_else(|| panic!("a reply to nothing: {reply:02x?}"));
            shot.answered = true;
            let kind = Kind::ALL[shot.kind];
            assert!(shot.due.is(Some(reply), family), "{kind:?}: {reply:02x?} where due was {:?}", shot.due);
            assert!(reply.len() <= shot.length, "{kind:?}: {} bytes to {}", reply.len(), shot.length);
            self.rows[shot.kind].add_reply(reply.len(), shot.length);
        });
        let unanswered = burst.shots.iter().find(|shot| !shot.answered && shot.due != Due::Silence);
        assert!(unanswered.is_none(), "{:?}: no reply", unanswered.map(|shot| Kind::ALL[shot.kind]));
    }
}

/// A real client comes and goes.
fn announce(tracker: &Tracker, family: Family) {
    let local: IpAddr = match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    };
    let client = udp::Client::new(local, tracker.udp(family), PATIENCE);
    let announced = client.expect("a socket can be bound").announce(&Announce::new(*b"after all the noise!", 6881));
    assert_eq!(announced.map(|announced| (announced.leechers, announced.peers.len())), Ok((1, 0)));
}

/// What the tracker has in memory.
pub(crate) fn resident_kibibytes(tracker: &Tracker) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", tracker.pid())).expect("the tracker runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has a size");
    line.trim().trim_end_matches(" kB").parse().expect("a size is a number")
}

/// Sockets, each on an address of its own but those of IPv6, of which the loopback has one.
const SOURCES: usize = 256;

/// The longest datagram sent.
const LONGEST: usize = 2_000;

/// Batches and the like may be allocated late; what grows with garbage grows beyond this.
const MOST_GROWTH_KIBIBYTES: u64 = 512;

const PATIENCE: Duration = Duration::from_secs(10);
