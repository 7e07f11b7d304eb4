//! Every peer on offer is as likely as any other, in both forms of a swarm, and neighbours part.
//!
//! The measure is chi-square per degree of freedom: 1 if choices are fair. Members of one choice depend on each other, as
//! they come in runs, so its own spread is that of as few as 600 degrees of freedom: ±0.06. A bound of 1.3 is five times that.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::super::key::Key;
use super::super::peer::Peer;
use super::super::ports::Ports;
use super::super::sample::{Places, sample};
use super::super::table::{At, Table};
use super::super::walk::Dice;
use super::super::{Config, MemoryStorage};
use super::kind::{Kind, gathered, spread};
use crate::bittorrent::{Endpoint, InfoHash};
use crate::clock::{Clock, Now};
use crate::storage::{Announce, Answer, Batch, Change, Environment, Reply, Role, Storage, Want};

/// How often each of some numbers was chosen.
struct Tally(HashMap<u32, u32>);

impl Tally {
    fn of(numbers: impl Iterator<Item = u32>) -> Self {
        Self(numbers.map(|number| (number, 0)).collect())
    }

    /// Counts one choice: of this many, distinct, all of them known, and not the requester.
    fn count(&mut self, chosen: &[u32], number: usize, requester: Option<u32>) {
        assert_eq!(chosen.len(), number);
        assert_eq!(chosen.iter().collect::<HashSet<_>>().len(), number, "no duplicates");
        assert!(requester.is_none_or(|requester| !chosen.contains(&requester)), "not the requester");
        for number in chosen {
            *self.0.get_mut(number).expect("it is on offer") += 1;
        }
    }

    fn chi_square(&self) -> f64 {
        let total: u32 = self.0.values().sum();
        let expected = f64::from(total) / self.0.len() as f64;
        let sum: f64 = self.0.values().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        sum / (self.0.len() - 1) as f64
    }

    fn assert_fair(&self) {
        let measure = self.chi_square();
        assert!((0.6..1.3).contains(&measure), "{measure} for {} peers", self.0.len());
    }
}

fn table(numbers: u32, keep: impl Fn(u32) -> bool) -> (Table<Peer<6>>, Key) {
    let key = Key::new(b"0123456789abcdef", Ports::default());
    let mut table = Table::default();
    for number in 0..numbers {
        table.insert(Peer::make(number, 0), &key);
    }
    for page in 0..table.pages().len() {
        for bucket in 0..table.pages()[page].buckets() {
            table.retain_in_bucket(page, bucket, |peer| keep(peer.number()));
        }
    }
    (table, key)
}

fn chosen(table: &Table<Peer<6>>, skip: Option<At>, want: usize, dice: Dice) -> Vec<u32> {
    let mut out = Vec::new();
    Places::append(&mut out, want, |places| table.sample(skip, want, dice, places));
    out.as_chunks::<6>().0.iter().map(|place| gathered(place)).collect()
}

#[test]
fn a_table_offers_everyone_alike() {
    let mut rng = SmallRng::seed_from_u64(1);
    // As it has grown; and with unequal gaps, after some have gone.
    let sparse = |number: u32| number < 10_000 || number.is_multiple_of(7);
    for (numbers, keep) in [(10_000, (|_| true) as fn(u32) -> bool), (20_000, sparse)] {
        let (table, key) = table(numbers, keep);
        let mut tally = Tally::of((0..numbers).filter(|&number| keep(number) && number != 77));
        let hash = key.endpoint(&spread::<6>(77));
        let skip = table.find(hash, |peer| peer.number() == 77);
        for round in 0..12_000 {
            let want = [1, 30, 50][round % 3];
            tally.count(&chosen(&table, skip, want, Dice::throw(rng.random(), 0)), want, Some(77));
        }
        tally.assert_fair();
    }
}

#[test]
fn a_table_of_any_size_gives_as_many_as_are_wanted() {
    let mut rng = SmallRng::seed_from_u64(2);
    for size in [1, 2, 3, 17, 56, 57, 200, 448, 2_000, 5_000] {
        let (table, key) = table(size, |_| true);
        let mut tally = Tally::of(0..size);
        for _ in 0..200 {
            let own = rng.random_range(0..size);
            let hash = key.endpoint(&spread::<6>(own));
            let skip = table.find(hash, |peer| peer.number() == own).filter(|_| rng.random());
            let others = size as usize - usize::from(skip.is_some());
            let most = if rng.random() { others } else { others.min(20) };
            let want = rng.random_range(0..=most);
            let dice = Dice::throw(rng.random(), 0);
            table.prefetch_sample(want, dice);
            tally.count(&chosen(&table, skip, want, dice), want, skip.map(|_| own));
        }
    }
}

#[test]
fn what_will_be_drawn_can_be_fetched_whatever_is_left_of_a_table() {
    let mut rng = SmallRng::seed_from_u64(3);
    for size in [0, 1, 40, 3_000] {
        let key = Key::new(b"0123456789abcdef", Ports::default());
        let keeps: [fn(u32) -> bool; 4] = [|_| true, |number| number == 0, |number| number % 40 == 0, |_| false];
        for keep in keeps {
            let (mut table, _) = table(size, keep);
            for shrunk in [false, true] {
                for _ in 0..1_000 {
                    let dice = Dice::throw(rng.random(), rng.random());
                    table.prefetch_sample([0, 1, 15, 16, 17, 50, 300][rng.random_range(0..7)], dice);
                    let want = table.len().min(20);
                    assert_eq!(chosen(&table, None, want, dice).iter().collect::<HashSet<_>>().len(), want);
                }
                (0..table.pages().len()).for_each(|page| _ = table.shrink_page(page, &key));
                while shrunk && table.merge(&key).is_some() {}
            }
        }
    }
}

/// Every pair is parted where the first run begins between the two or the last one ends there; and one pair in sixteen,
/// where runs end, by half of all choices. That leaves 0.95 of all pairs, and 0.98 of those that fare worst.
#[test]
fn neighbours_in_a_crowd_are_not_always_together() {
    let mut rng = SmallRng::seed_from_u64(4);
    let (table, key) = table(10_000, |_| true);
    // By the place of the first of the two in its bucket: how often it was chosen, and its neighbour with it.
    let mut counts = [[0_u32; 2]; 55];
    let place_and_neighbour = |number: u32| {
        let at = table.find(key.endpoint(&spread::<6>(number)), |peer| peer.number() == number)?;
        let next = table.pages()[at.page].bucket(at.bucket).entries().get(at.entry + 1)?;
        Some((at.entry, next.number()))
    };
    for _ in 0..4_000 {
        let chosen = chosen(&table, None, 50, Dice::throw(rng.random(), 0));
        let set: HashSet<_> = chosen.iter().copied().collect();
        for (place, neighbour) in chosen.iter().copied().filter_map(place_and_neighbour) {
            counts[place][0] += 1;
            counts[place][1] += u32::from(set.contains(&neighbour));
        }
    }
    let together = |[first, both]: [u32; 2]| f64::from(both) / f64::from(first);
    let all = counts.iter().fold([0, 0], |[first, both], other| [first + other[0], both + other[1]]);
    assert!(together(all) < 0.96, "{}", together(all));
    assert!(counts.iter().all(|&count| count[0] < 1_000 || together(count) < 0.99), "{counts:?}");
}

#[test]
fn neighbours_in_a_small_swarm_meet_no_more_often_than_strangers() {
    let mut rng = SmallRng::seed_from_u64(5);
    for (size, want) in [(60, 12), (100, 50), (255, 50)] {
        let peers: Vec<_> = (0..size).map(|number| Peer::<6>::make(number, 0)).collect();
        let (mut first, mut both) = (0, 0);
        let mut out = Vec::new();
        for _ in 0..4_000 {
            out.clear();
            sample(&peers, None, want, Dice::throw(rng.random(), 0), &mut out);
            let set: HashSet<_> = out.chunks(6).map(gathered).collect();
            first += want;
            both += set.iter().filter(|&&number| set.contains(&((number + 1) % size))).count();
        }
        let (together, strangers) = (both as f64 / first as f64, want as f64 / f64::from(size));
        assert!(together < strangers + 0.15, "{size}: {together}");
    }
}

/// Seeders among the peers of a torrent: one in four; and as many again are partial seeds.
fn role(number: u32) -> Role {
    [Role::Seeder, Role::PartialSeed, Role::Downloader, Role::Downloader][number as usize % 4]
}

fn announce(torrent: u32, number: u32, change: Change, want: u32) -> Announce {
    let want = Want { peers: want, both_families: false };
    Announce { info_hash: InfoHash(spread(torrent)), peer: Endpoint::V4(spread(number)), change, want }
}

/// A store with 10,000 peers, in swarms of so many.
fn store(swarm: u32) -> MemoryStorage {
    let environment = Environment::new(Duration::from_secs(60), *b"0123456789abcdef", Clock::start());
    let store = MemoryStorage::new(&Config { shards: 4, ..Config::default() }, environment);
    let mut batch = Batch::default();
    for number in 0..10_000 {
        let change = Change::Present { role: role(number), completed: false };
        batch.push(announce(number / swarm, number, change, 0));
    }
    assert!(matches!(store.apply(Now(0), batch), Answer::Ready(_)));
    store
}

#[test]
fn a_store_offers_everyone_alike_in_crowds_and_in_small_swarms() {
    const WANTS: [u32; 4] = [1, 30, 50, 1];
    let mut rng = SmallRng::seed_from_u64(6);
    for swarm in [250, 10_000] {
        let store = store(swarm);
        for requester in [Role::Downloader, Role::Seeder, Role::PartialSeed] {
            let offered = |&number: &u32| requester == Role::Downloader || role(number) == Role::Downloader;
            let requesters: Vec<_> = (0..10_000).filter(|&number| role(number) == requester).collect();
            let mut tally = Tally::of((0..10_000).filter(offered));
            // Of those who were the only one chosen: how many download.
            let mut alone = [0_u32; 2];
            for _ in 0..150 {
                let mut batch = Batch { seed: rng.random(), ..Batch::default() };
                for number in 0..64 {
                    let own = requesters[rng.random_range(0..requesters.len())];
                    let change = Change::Present { role: requester, completed: false };
                    batch.push(announce(own / swarm, own, change, WANTS[number % 4]));
                }
                let Answer::Ready(batch) = store.apply(Now(1), batch) else { unreachable!() };
                for (entry, want) in batch.entries.iter().zip(WANTS.iter().cycle()) {
                    let Reply::Announce { peers, .. } = entry.reply else { unreachable!() };
                    let chosen: Vec<_> = batch.compact(peers.v4).chunks(6).map(gathered).collect();
                    let own = gathered(entry.request.own());
                    tally.count(&chosen, *want as usize, Some(own));
                    assert!(chosen.iter().all(|number| number / swarm == own / swarm));
                    if let [only] = chosen[..] {
                        alone[usize::from(role(only) == Role::Downloader)] += 1;
                    }
                }
            }
            tally.assert_fair();
            // Half of all download. 4,800 tosses of a coin leave the middle by 4 % once in a million times.
            let fair = if requester == Role::Downloader { 0.46..0.54 } else { 1.0..1.1 };
            let share = f64::from(alone[1]) / f64::from(alone[0] + alone[1]);
            assert!(fair.contains(&share), "{share} of single choices");
        }
    }
}

impl crate::storage::Request {
    /// The announcer's bytes.
    fn own(&self) -> &[u8] {
        if let Self::Announce(announce) = self { announce.peer.as_bytes() } else { &[] }
    }
}
