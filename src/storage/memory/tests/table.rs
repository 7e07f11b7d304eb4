//! Tables of every kind of entry against a map from the standard library.

use std::collections::HashMap;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::super::form::Torrent;
use super::super::key::Key;
use super::super::peer::Peer;
use super::super::ports::Ports;
use super::super::shard::MOST_TOUCHED;
use super::super::table::{At, Table};
use super::kind::Kind;
use crate::sys::FRAME_BYTES;

#[test]
fn a_table_of_torrents_is_a_map() {
    grows_and_shrinks::<Torrent>(1);
}

#[test]
fn a_table_of_ipv4_peers_is_a_map() {
    grows_and_shrinks::<Peer<6>>(2);
}

#[test]
fn a_table_of_ipv6_peers_is_a_map() {
    grows_and_shrinks::<Peer<18>>(3);
}

/// Up and down through splits and merges: each time a little further, and at last to nothing.
fn grows_and_shrinks<E: Kind>(seed: u64) {
    let mut trial = Trial::<E>::new(seed);
    for size in [1, 0, 60, 10, 500, 300, 7_000, 1_000, 12_000, 0] {
        trial.go_to(size);
        trial.tidy();
        trial.check();
    }
    assert_eq!(trial.table.frames(), 0);
    assert!(trial.table.pages().len() <= 1);
}

#[test]
fn a_large_table_touches_few_entries_at_once_and_wastes_little() {
    // In a full bucket an entry takes 33, 9.1 and 21.3 bytes. At its worst, a page has just been given one frame of five.
    fill_and_empty::<Torrent>(MANY / 3, 37.0);
    fill_and_empty::<Peer<6>>(MANY, 11.6);
    fill_and_empty::<Peer<18>>(MANY / 3, 24.5);
}

fn fill_and_empty<E: Kind>(entries: u32, most_bytes: f64) {
    let mut trial = Trial::<E>::new(4);
    let mut most = 0.0_f64;
    for number in 0..entries {
        trial.insert(number);
        if number >= 20_000 && number % 500 == 0 {
            most = most.max((trial.table.frames() * FRAME_BYTES) as f64 / f64::from(number + 1));
        }
    }
    assert!(most < most_bytes, "{most} bytes per entry");
    assert!((0..entries).step_by(17).all(|number| trial.find(number).is_some()));
    trial.check_places();
    // Half of them go, here and there, then all, a page at a time as in a sweep.
    trial.retain(|number| number % 2 == 0);
    let half = (trial.table.frames() * FRAME_BYTES) as f64 / f64::from(entries / 2);
    // A page of 875 IPv4 peers, half of the usual, would have room in three frames, but may keep a fourth: 18.7 bytes each.
    assert!(half < most_bytes * 1.65, "{half} bytes per entry");
    assert!((0..entries).step_by(17).all(|number| trial.find(number).is_some() == (number % 2 == 0)));
    trial.retain(|_| false);
    assert_eq!((trial.table.len(), trial.table.frames(), trial.table.pages().len()), (0, 0, 1));
}

/// A split and a page's growth at once would be too much for one insertion.
#[test]
fn one_insertion_does_one_large_thing_at_most() {
    for seed in 0..40 {
        let mut trial = Trial::<Peer<6>>::new(seed);
        (0..7_500).for_each(|number| trial.insert(number));
        let longest = trial.table.pages().iter().map(|page| page.len()).max().unwrap();
        assert!(trial.most_touched <= longest.max(3_600) + 1, "{} touched, {longest} in a page", trial.most_touched);
    }
}

/// A table, a map that should hold the same, and the most entries that any call has touched.
struct Trial<E> {
    table: Table<E>,
    map: HashMap<u32, u16>,
    key: Key,
    rng: SmallRng,
    most_touched: usize,
}

impl<E: Kind> Trial<E> {
    fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let key = Key::new(&rng.random(), Ports::default());
        Self { table: Table::default(), map: HashMap::new(), key, rng, most_touched: 0 }
    }

    /// Random changes, until there are so many entries, or a few fewer.
    fn go_to(&mut self, size: usize) {
        let more = self.map.len() < size;
        let (inserts, removals) = if more { (75, 10) } else { (10, 75) };
        while if more { self.map.len() < size } else { self.map.len() > size } {
            let number = self.rng.random_range(0..NUMBERS);
            match self.rng.random_range(0..100) {
                dice if dice < inserts && self.find(number).is_none() => self.insert(number),
                dice if dice < inserts => {}
                dice if dice < inserts + removals => {
                    self.someone().inspect(|&(at, number)| self.remove(at, number));
                }
                85..95 => self.change_someone(),
                95 => self.retain_somewhere(),
                96 => self.shrink_somewhere(),
                97 if !more => drop(self.merge()),
                _ => {}
            }
        }
    }

    fn find(&self, number: u32) -> Option<At> {
        let hash = E::make(number, 0).hash(&self.key);
        let at = self.table.find(hash, |entry| entry.number() == number);
        assert_eq!(at.map(|at| self.table.entry(at).value()), self.map.get(&number).copied(), "{number}");
        assert_eq!(at.and_then(|at| self.table.look(at, |entry| entry.number() == number)), at);
        at
    }

    fn insert(&mut self, number: u32) {
        let value = self.rng.random_range(0..1 << 12);
        let (at, touched) = self.table.insert(E::make(number, value), &self.key);
        assert_eq!((self.table.entry(at).number(), self.table.entry(at).value()), (number, value));
        self.map.insert(number, value);
        self.touch(touched);
    }

    fn remove(&mut self, at: At, number: u32) {
        self.table.remove(at);
        self.map.remove(&number);
        assert_eq!(self.find(number), None);
    }

    fn change_someone(&mut self) {
        let Some((at, number)) = self.someone() else { return };
        let value = self.rng.random_range(0..1 << 12);
        *self.table.entry_mut(at) = E::make(number, value);
        self.map.insert(number, value);
    }

    fn retain_somewhere(&mut self) {
        let Some(page) = self.somewhere() else { return };
        let bucket = self.rng.random_range(0..self.table.pages()[page].buckets());
        let (divisor, rest) = (7, self.rng.random_range(0..7));
        let before = self.map.len();
        let removed = self.table.retain_in_bucket(page, bucket, |entry| {
            let keep = entry.number() % divisor != rest;
            if !keep {
                self.map.remove(&entry.number()).expect("each entry is asked for once");
            }
            keep
        });
        assert_eq!(removed, before - self.map.len());
    }

    fn shrink_somewhere(&mut self) {
        let Some(page) = self.somewhere() else { return };
        let touched = self.table.shrink_page(page, &self.key);
        self.touch(touched);
    }

    /// An entry of a page that comes to mind.
    fn someone(&mut self) -> Option<(At, u32)> {
        let page = self.somewhere()?;
        let buckets = self.table.pages()[page].buckets();
        let first = self.rng.random_range(0..buckets);
        let bucket = (first..buckets).chain(0..first).find(|&at| self.table.pages()[page].bucket(at).len() > 0)?;
        let entries = self.table.pages()[page].bucket(bucket).entries();
        let entry = self.rng.random_range(0..entries.len());
        Some((At { page, bucket, entry }, entries[entry].number()))
    }

    /// A page that has buckets.
    fn somewhere(&mut self) -> Option<usize> {
        let pages = self.table.pages();
        let page = self.rng.random_range(0..pages.len().max(1));
        pages.get(page).is_some_and(|page| page.buckets() > 0).then_some(page)
    }

    fn merge(&mut self) -> Option<usize> {
        let pages = self.table.pages().len();
        let touched = self.table.merge(&self.key);
        assert_eq!(self.table.pages().len(), pages - usize::from(touched.is_some()));
        touched.inspect(|&touched| self.touch(touched))
    }

    /// Removes all that are not to be kept, as a sweep does.
    fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        for page in 0..self.table.pages().len() {
            for bucket in 0..self.table.pages()[page].buckets() {
                self.table.retain_in_bucket(page, bucket, |entry| keep(entry.number()));
            }
            let touched = self.table.shrink_page(page, &self.key);
            self.touch(touched);
        }
        self.map.retain(|number, _| keep(*number));
        while self.merge().is_some() {}
        assert_eq!(self.table.len(), self.map.len());
    }

    /// Gives back all memory that is not needed.
    fn tidy(&mut self) {
        self.retain(|_| true);
    }

    fn touch(&mut self, touched: usize) {
        assert!(touched <= MOST_TOUCHED, "{touched} touched of {} in {}", self.map.len(), self.table.pages().len());
        self.most_touched = self.most_touched.max(touched);
    }

    fn check(&self) {
        assert_eq!(self.table.len(), self.map.len());
        assert!(self.map.keys().all(|number| self.find(*number).is_some()));
        let entries: HashMap<_, _> = self.table.entries().map(|entry| (entry.number(), entry.value())).collect();
        assert_eq!(entries, self.map);
        self.check_places();
    }

    /// Entries are packed, and every number that a table keeps of itself is true.
    fn check_places(&self) {
        let pages = self.table.pages();
        assert_eq!(pages.iter().map(|page| page.len()).sum::<usize>(), self.table.len());
        for page in pages {
            assert!(page.buckets() <= self.table.widest());
            let buckets = (0..page.buckets()).map(|bucket| page.bucket(bucket));
            assert_eq!(buckets.clone().map(|bucket| bucket.len()).sum::<usize>(), page.len());
            for bucket in buckets {
                let (taken, vacant) = bucket.places().split_at(bucket.len());
                let is_vacant = |entry: &E| entry.as_bytes() == E::VACANT.as_bytes();
                assert!(!taken.iter().any(is_vacant) && vacant.iter().all(is_vacant));
            }
        }
    }
}

/// Without optimisation, fewer are slow enough.
const MANY: u32 = if cfg!(debug_assertions) { 90_000 } else { 900_000 };

/// Numbers that random entries have: some times as many as there ever are entries.
const NUMBERS: u32 = 40_000;
