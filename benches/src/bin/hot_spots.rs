//! Instructions of announces to torrents whose info hashes are chosen, beside random ones: no choice makes a hot spot.
//!
//! `hot_spots` runs itself under callgrind, which takes some minutes for a million.

use std::hint::black_box;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use chihaya::bittorrent::{Family, InfoHash};
use chihaya::storage::memory::MemoryStorage;
use chihaya::storage::{Announce, Batch};
use chihaya_benches::micro::{Chosen, Crowd, Peer, START, apply, storage};
use chihaya_benches::{arguments, callgrind};
use clap::Parser;

/// Count the instructions of announces to torrents whose info hashes an attacker has chosen, under callgrind.
#[derive(Parser)]
#[command(name = "hot_spots")]
struct Options {
    /// Torrents of each choice, 1000 to 1500000
    #[arg(long, value_name = "N", default_value = "1000000", value_parser = arguments::whole(1_000_usize..=1_500_000))]
    torrents: usize,
    /// For callgrind: call all of it, and tell nothing
    #[arg(long, hide = true)]
    call: bool,
}

fn main() -> ExitCode {
    arguments::run(|options: Options| if options.call { call(options.torrents) } else { tell(options.torrents) })
}

fn tell(torrents: usize) -> Result<()> {
    let costs = callgrind::costs(&["--call", "--torrents", &torrents.to_string()])?;
    let each = |name: &str| {
        let ends = format!("hot_spots::{name}");
        let cost = costs
            .iter()
            .find(|cost| cost.function.ends_with(&ends))
            .with_context(|| format!("callgrind has seen no {name}"))?;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let each = cost.instructions as f64 / torrents as f64;
        anyhow::Ok(each)
    };
    println!("{:<12}{:>10}{:>10}{:>10}{:>10}", "info hashes", "come", "× random", "renew", "× random");
    let random = [each("random_come")?, each("random_renew")?];
    for course in COURSES {
        let [come, renew] = [each(course.names[0])?, each(course.names[1])?];
        let ratios = [come / random[0], renew / random[1]];
        println!(
            "{:<12}{come:>10.0}{:>10.3}{renew:>10.0}{:>10.3}",
            format!("{:?}", course.chosen),
            ratios[0],
            ratios[1]
        );
        ensure!(ratios.iter().all(|&ratio| ratio <= MOST), "{:?} costs more than {MOST} × random", course.chosen);
    }
    Ok(())
}

fn call(torrents: usize) -> Result<()> {
    for course in COURSES {
        let storage = storage();
        for step in course.steps {
            let mut info_hashes = course.chosen.info_hashes().take(torrents).peekable();
            while info_hashes.peek().is_some() {
                let mut batch = Batch::default();
                info_hashes.by_ref().take(BATCH).for_each(|info_hash| batch.push(announce(info_hash)));
                step(&storage, batch);
            }
        }
    }
    Ok(())
}

/// One peer, always the same: what differs is the torrent.
fn announce(info_hash: InfoHash) -> Announce {
    let crowd = Crowd { family: Family::V4, want: 50, seeders_percent: 50 };
    Announce { info_hash, ..crowd.present(Peer { torrent: 0, number: 1 }) }
}

/// Torrents of one choice that come, and then are announced again.
struct Course {
    chosen: Chosen,
    names: [&'static str; 2],
    steps: [fn(&MemoryStorage, Batch); 2],
}

/// Functions that are never inlined, each of another name, by which callgrind tells them apart.
macro_rules! courses {
    ($($chosen:ident, $come:ident, $renew:ident;)*) => {
        $(courses!(@step $come); courses!(@step $renew);)*

        const COURSES: &[Course] = &[$(Course {
            chosen: Chosen::$chosen,
            names: [stringify!($come), stringify!($renew)],
            steps: [$come, $renew],
        },)*];
    };
    (@step $name:ident) => {
        #[inline(never)]
        fn $name(storage: &MemoryStorage, batch: Batch) {
            black_box(stringify!($name));
            apply(storage, START, batch);
        }
    };
}

courses! {
    Random, random_come, random_renew;
    Last, last_come, last_renew;
    First, first_come, first_renew;
    FewBits, few_bits_come, few_bits_renew;
    Colliding, colliding_come, colliding_renew;
}

/// What is promised (SECURITY.md).
const MOST: f64 = 1.1;

const BATCH: usize = 64;
