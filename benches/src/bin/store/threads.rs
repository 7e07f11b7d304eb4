//! What a second thread adds.

use std::mem;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use chihaya::storage::Batch;
use chihaya::storage::memory::MemoryStorage;
use chihaya_benches::micro::{Course, Crowd, Peer, START, Shape, apply};
use chihaya_benches::spread::Spread;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Options;
use crate::report;
use crate::steady::Scene;

/// Two threads against one, on distinct torrents, and where a tenth of all announces go to one.
///
/// Beside them, with a store for each thread: what the machine itself makes of two.
pub(crate) fn two_against_one(options: &Options) {
    let crowd = options.crowd();
    let Ok(processors) = <[usize; 2]>::try_from(processors()) else {
        return println!("\nThreads: there is one processor only");
    };
    let [scene, another] = [0, 1].map(|_| Scene::fill(crowd, options.shape(Shape::MEDIUM)));
    let hot: Vec<_> =
        (0..options.count(HOT_PEERS)).map(|peer| Peer { torrent: HOT, number: HOT_FIRST + peer }).collect();
    println!("\nThreads: {}, {}, batches of 64", scene.size(), report::crowd(&crowd));
    println!("{:<44} {:>9} {:>19} {:>9}", "", "one M/s", "two M/s", "ratio");
    Course::new(&scene.storage, 64).run(START, hot.iter().map(|peer| crowd.present(*peer)));
    let batches = options.count(BATCHES).max(16);
    let pair = |second, hot| {
        [(0, &scene), (1, second)].map(|(half, scene): (u32, &Scene)| {
            let batches = batches_of(scene, crowd, hot, half, batches);
            Load { storage: &scene.storage, processor: processors[half as usize], batches }
        })
    };
    let mut kinds = [
        ("distinct torrents", pair(&scene, None)),
        ("a tenth to one torrent", pair(&scene, Some(&hot))),
        ("for comparison: a store for each", pair(&another, None)),
    ]
    .map(|(name, loads)| (name, loads, Comparison::default()));
    for _ in 0..options.rounds * 3 {
        for (_, loads, comparison) in &mut kinds {
            comparison.add(loads, ROUND / options.divisor);
        }
    }
    for (name, _, comparison) in &kinds {
        comparison.print(name);
    }
}

/// Millions a second in several rounds.
#[derive(Default)]
struct Comparison {
    one: Spread,
    two: Spread,
    ratio: Spread,
}

impl Comparison {
    fn add(&mut self, [first, second]: &mut [Load<'_>; 2], round: Duration) {
        let alone = [&mut *first, &mut *second].map(|load| run(vec![load], round));
        let (one, two) = ((alone[0] + alone[1]) / 2.0, run(vec![first, second], round));
        self.one.push(one);
        self.two.push(two);
        self.ratio.push(two / one);
    }

    fn print(&self, name: &str) {
        let [one, two, ratio] = [&self.one, &self.two, &self.ratio].map(Spread::median);
        let (least, most) = (self.ratio.min(), self.ratio.max());
        println!("{name:<44} {one:>9.2} {two:>19.2} {ratio:>9.2} ({least:.2} to {most:.2})");
    }
}

/// One thread's announces, over and over: enough of them that the peers they touch are not in any cache.
struct Load<'a> {
    storage: &'a MemoryStorage,
    processor: usize,
    batches: Vec<Batch>,
}

/// Announces of the torrents with even or with odd numbers.
fn batches_of(scene: &Scene, crowd: Crowd, hot: Option<&Vec<Peer>>, half: u32, batches: u32) -> Vec<Batch> {
    let own: Vec<_> = scene.peers.iter().filter(|peer| peer.torrent % 2 == half).collect();
    let mut rng = SmallRng::seed_from_u64(half.into());
    let mut batch = |seed: u32| {
        let mut batch = Batch { seed: (seed * 2 + half).into(), ..Batch::default() };
        for _ in 0..64 {
            let peer = match hot {
                Some(hot) if rng.random_ratio(1, 10) => hot[rng.random_range(0..hot.len())],
                _ => *own[rng.random_range(0..own.len())],
            };
            batch.push(crowd.present(peer));
        }
        batch
    };
    (0..batches).map(&mut batch).collect()
}

impl Load<'_> {
    /// Announces until `duration` is over; returns millions a second.
    fn announce(&mut self, start: &Barrier, duration: Duration) -> f64 {
        let mut processors = CpuSet::new();
        processors.set(self.processor);
        sched_setaffinity(None, &processors).expect("a processor that is allowed");
        let mut arena = Vec::new();
        start.wait();
        let (start, mut count) = (Instant::now(), 0_u32);
        loop {
            for batch in &mut self.batches {
                batch.peers = mem::take(&mut arena);
                *batch = apply(self.storage, START, mem::take(batch));
                arena = mem::take(&mut batch.peers);
                arena.clear();
                count += 64;
                if start.elapsed() > duration {
                    return f64::from(count) / start.elapsed().as_secs_f64() / 1e6;
                }
            }
        }
    }
}

/// Two that this process may use.
fn processors() -> Vec<usize> {
    let allowed = sched_getaffinity(None).expect("this thread runs somewhere");
    (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).take(2).collect()
}

/// Runs the loads at once; returns the millions a second of all together.
fn run(loads: Vec<&mut Load<'_>>, round: Duration) -> f64 {
    let start = &Barrier::new(loads.len());
    thread::scope(|scope| {
        let threads: Vec<_> = loads.into_iter().map(|load| scope.spawn(move || load.announce(start, round))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread ends well")).sum()
    })
}

/// Short, so that the three kinds of a round meet the machine in the same mood.
const ROUND: Duration = Duration::from_millis(100);

/// In a load: with the replies some 15 MB, and ten times as much of the store.
const BATCHES: u32 = 2_048;

/// The torrent that a tenth of all announces go to.
const HOT: u32 = 0x0fff_ffff;
const HOT_PEERS: u32 = 100_000;
const HOT_FIRST: u32 = 12_000_000;
