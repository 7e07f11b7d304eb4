//! What it costs to grow and to shrink, and how long others may have to wait.

use std::time::Duration;

use chihaya::clock::Now;
use chihaya::storage::SWEEPS_PER_PASS;
use chihaya::storage::{Batch, Storage};
use chihaya_benches::micro::{Course, Crowd, LIFETIME_SECONDS, START, Shape, apply, storage, thread_time, timed};

use crate::Options;
use crate::report::{self, Rounds};

/// A million peers in one torrent.
pub(crate) fn giant(options: &Options) {
    fill(options, "one torrent", Shape::Even { peers: 1_000_000, torrents: 1 });
}

/// Two million torrents of one peer.
pub(crate) fn singles(options: &Options) {
    fill(options, "torrents of one peer", Shape::Even { peers: 2_000_000, torrents: 2_000_000 });
}

/// Two million peers as they are in life.
pub(crate) fn zipf(options: &Options) {
    fill(options, "torrents by Zipf's law", Shape::MEDIUM);
}

fn fill(options: &Options, name: &str, shape: Shape) {
    let shape = options.shape(shape);
    let crowd = options.crowd();
    let crowd = Crowd { want: 0, ..crowd };
    report::title(&format!("Growth: {} peers, {name}, {}", shape.peers().count(), report::crowd(&crowd)));
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds.div_ceil(3) {
        let storage = storage();
        rounds.add(Course::new(&storage, 64).run(START, shape.peers().map(|peer| crowd.present(peer))));
    }
    rounds.print("insert, batches of 64");
    stalls(crowd, shape);
}

/// The longest of many calls. The store does the same each time, so what one of three fills took longer was not its own.
fn stalls(crowd: Crowd, shape: Shape) {
    let mut least = vec![Duration::MAX; shape.peers().count()];
    for fill in 0..3 {
        let storage = storage();
        let mut first = Duration::ZERO;
        for (peer, least) in shape.peers().zip(&mut least) {
            let mut batch = Batch { seed: 1, ..Batch::default() };
            batch.push(crowd.present(peer));
            let start = thread_time();
            apply(&storage, START, batch);
            let taken = thread_time() - start;
            first = first.max(taken);
            *least = taken.min(*least);
        }
        if fill == 0 {
            longest("longest insert, in fresh memory", first);
        } else if fill == 2 {
            longest("longest insert, best of three fills", least.iter().copied().max().unwrap_or_default());
            sweeps(&storage);
        }
    }
}

fn sweeps(storage: &impl Storage) {
    for (name, seconds) in [("with nothing to do", 60), ("when all have expired", LIFETIME_SECONDS * 2)] {
        let now = Now(START.0 + seconds);
        let taken: Vec<_> = (0..2 * SWEEPS_PER_PASS).map(|_| timed(|| storage.sweep(now)).cpu).collect();
        longest(&format!("longest sweep {name}"), taken.iter().copied().max().unwrap_or_default());
        let total = taken.iter().sum::<Duration>();
        println!("{:<44} {:>9.1} ms", format!("  all {} of them", taken.len()), report::nanos(total) / 1e6);
    }
    assert_eq!(storage.totals().peers.map(|peers| peers.v4 + peers.v6), Some(0), "all have expired");
}

fn longest(name: &str, taken: Duration) {
    println!("{name:<44} {:>9.1} µs", report::nanos(taken) / 1e3);
}
