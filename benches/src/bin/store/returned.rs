//! Memory a crowd takes, and what comes back of it when all have gone.

use std::fs;

use chihaya::clock::Now;
use chihaya::storage::SWEEPS_PER_PASS;
use chihaya::storage::Storage;
use chihaya_benches::micro::{Course, Crowd, LIFETIME_SECONDS, START, Shape, storage};

use crate::Options;
use crate::report;

/// 4 million peers by Zipf's law.
pub(crate) fn zipf(options: &Options) {
    memory(options, Shape::DENSE);
}

/// A million peers in one torrent.
pub(crate) fn giant(options: &Options) {
    memory(options, Shape::Even { peers: 1_000_000, torrents: 1 });
}

/// Two million torrents of one peer.
pub(crate) fn singles(options: &Options) {
    memory(options, Shape::Even { peers: 2_000_000, torrents: 2_000_000 });
}

/// 10 million peers by Zipf's law.
pub(crate) fn large(options: &Options) {
    memory(options, Shape::LARGE);
}

/// Fills once and measures, for memory that a process has had before is not fresh again.
fn memory(options: &Options, shape: Shape) {
    let crowd = options.crowd();
    let (storage, shape) = (storage(), options.shape(shape));
    let mut course = Course::new(&storage, 64);
    let before = resident_bytes();
    let (_, peers) = course.run(START, shape.peers().map(|peer| Crowd { want: 0, ..crowd }.present(peer)));
    let filled = resident_bytes();
    let torrents = storage.totals().torrents.expect("memory knows its torrents");
    for _ in 0..2 * SWEEPS_PER_PASS {
        storage.sweep(Now(START.0 + 2 * LIFETIME_SECONDS));
    }
    let left = resident_bytes();
    assert_eq!(storage.totals().peers.map(|peers| peers.v4 + peers.v6), Some(0), "all have expired");
    let growth = filled - before;
    println!("\nMemory: {peers} peers in {torrents} torrents, {}", report::family(crowd.family));
    println!("{:<44} {:>9.1} MB", "resident before", before / 1e6);
    println!("{:<44} {:>9.1} MB", "filled", filled / 1e6);
    println!("{:<44} {:>9.1}", "bytes a peer", growth / f64::from(peers));
    println!("{:<44} {:>9.1} MB", "after all expired and two passes", left / 1e6);
    println!("{:<44} {:>9.1} %", "returned", (filled - left) / growth * 100.0);
}

fn resident_bytes() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells it");
    let pages: Option<u32> = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok());
    let page = u32::try_from(rustix::param::page_size()).expect("a page is small");
    f64::from(pages.expect("a number of pages")) * f64::from(page)
}
