//! Small swarms: whoever comes, goes, is renewed, takes another role or is forgotten, in whatever order.

use interleavings::bittorrent::{Endpoint, Family};
use interleavings::clock::Now;
use interleavings::storage::conformance::Model;
use interleavings::storage::memory::{Config, MemoryStorage};
use interleavings::storage::{Announce, Change, Request, Role, Scrape, Storage, Want};
use shuttle::rand::{Rng, thread_rng};

use super::order::{self, Told};
use super::world::{
    LATER, SHARDS, START, TEN_HOURS_LATER, ask, check_totals, look, open, pass, rules, spawn, sweeper, torrent, v4, v6,
};
use super::{explore, order::model_of};

#[test]
fn what_small_swarms_tell_is_what_some_order_tells() {
    explore(1_500, || together(START));
}

#[test]
fn and_so_it_is_while_those_of_before_are_forgotten() {
    explore(1_500, || together(LATER));
}

#[test]
fn and_so_it_is_when_the_clock_has_leapt() {
    explore(1_500, || together(TEN_HOURS_LATER));
}

/// Some come; then, at once or when their time is over, threads ask and a timer sweeps, all at the same time.
fn together(now: Now) {
    let store = open(&Config { shards: thread_rng().gen_range(1..=SHARDS), ..Config::default() });
    let before = vec![(START, ask(&store, START, requests(4)))];
    let model = model_of(Model::new(rules()), &before);
    store.sweep(START);
    let threads: Vec<_> = (0..THREADS).map(|_| spawn(&store, move |store| batches(store, now))).collect();
    let sweeper = sweeper(&store, now, 2);
    let told: Vec<Told> = threads.into_iter().map(|thread| thread.join().expect("it has not failed")).collect();
    sweeper.join().expect("it has not failed");
    pass(&store, now);
    let torrents: Vec<_> = (0..TORRENTS).map(torrent).collect();
    let end = vec![(now, ask(&store, now, torrents.iter().flat_map(|&torrent| look(torrent))))];
    for &torrent in &torrents {
        order::check(&model, torrent, &told, &end);
    }
    check_totals(&store, now, &torrents);
}

fn batches(store: &MemoryStorage, now: Now) -> Told {
    (0..2).map(|_| (now, ask(store, now, requests(3)))).collect()
}

fn requests(most: usize) -> Vec<Request> {
    let number = thread_rng().gen_range(1..=most);
    (0..number).map(|_| request()).collect()
}

fn request() -> Request {
    let mut rng = thread_rng();
    let info_hash = torrent(rng.gen_range(0..TORRENTS));
    if rng.gen_ratio(1, 10) {
        return Scrape { info_hash, family: Family::BOTH[rng.gen_range(0..2)] }.into();
    }
    let role = [Role::Downloader, Role::Downloader, Role::Seeder, Role::PartialSeed][rng.gen_range(0..4)];
    let change = match rng.gen_range(0..10) {
        0..6 => Change::Present { role, completed: rng.r#gen() },
        6..9 => Change::Absent,
        _ => Change::Unchanged { role },
    };
    let want = Want { peers: [0, 1, 50][rng.gen_range(0..3)], both_families: rng.r#gen() };
    Announce { info_hash, peer: peer(rng.gen_range(0..PEERS)), change, want }.into()
}

fn peer(number: u16) -> Endpoint {
    if number.is_multiple_of(3) { v6(number) } else { v4(number) }
}

const THREADS: usize = 3;

/// Few, so that they meet.
const TORRENTS: u16 = 2;
const PEERS: u16 = 4;
