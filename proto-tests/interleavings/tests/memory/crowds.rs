//! Swarms that become large, or small again, under several threads.

use interleavings::bittorrent::Endpoint;
use interleavings::storage::conformance::Model;
use interleavings::storage::memory::{Config, MemoryStorage};
use interleavings::storage::{Announce, Change, Request, Role, Want};
use shuttle::rand::{Rng, thread_rng};

use super::explore;
use super::order::{self, Told, model_of};
use super::own::{Own, from_threads};
use super::world::{
    COMES, LATER, MIDDLE, START, announce, ask, check_totals, look, open, pass, rules, sweeper, torrent,
};
use super::world::{spawn, v4, v6};

#[test]
fn a_swarm_that_becomes_a_crowd_is_what_some_order_makes_it() {
    explore(60, || at_the_border(&[(0, COMES)], 254));
}

#[test]
fn so_is_a_crowd_that_becomes_small_again() {
    explore(60, || at_the_border(&[(0, COMES), (130, Change::Absent)], 259));
}

/// A few more or less make a small swarm a crowd, or a crowd a small swarm: more than 255, and half of that.
fn at_the_border(before: &[(u16, Change)], number: u16) {
    let family = if thread_rng().r#gen() { v4 } else { v6 };
    // Small IPv6 swarms take 200.
    let number = if family(0) == v4(0) { number } else { number - 55 };
    let skipped = |first: u16| if first == 0 { 0 } else { number - number / 2 - 2 };
    let store = open(&Config { shards: 1, ..Config::default() });
    let told = before.iter().map(|&(first, change)| (skipped(first)..number, change));
    let requests = told.map(|(numbers, change)| numbers.map(move |number| quietly(family(number), change)));
    let before: Told = requests.map(|requests| (START, ask(&store, START, requests))).collect();
    let model = model_of(Model::new(rules()), &before);
    let batches = move |store: &MemoryStorage| -> Told {
        let requests = || (0..2).map(|_| request(family, number)).collect::<Vec<_>>();
        (0..2).map(|_| (START, ask(store, START, requests()))).collect()
    };
    let threads: Vec<_> = (0..2).map(|_| spawn(&store, batches)).collect();
    let sweeper = sweeper(&store, START, 2);
    let told: Vec<Told> = threads.into_iter().map(|thread| thread.join().expect("it has not failed")).collect();
    sweeper.join().expect("it has not failed");
    pass(&store, START);
    let end = vec![(START, ask(&store, START, look(torrent(0))))];
    order::check(&model, torrent(0), &told, &end);
    check_totals(&store, START, &[torrent(0)]);
}

fn quietly(peer: Endpoint, change: Change) -> Request {
    Announce { want: Want::default(), ..announce(torrent(0), peer, change) }.into()
}

fn request(family: fn(u16) -> Endpoint, number: u16) -> Request {
    let mut rng = thread_rng();
    let role = [Role::Downloader, Role::Seeder][rng.gen_range(0..2)];
    let change = match rng.gen_range(0..3) {
        0 => Change::Absent,
        _ => Change::Present { role, completed: false },
    };
    announce(torrent(0), family(rng.gen_range(0..6) + [0, number - 3][rng.gen_range(0..2)]), change).into()
}

#[test]
fn of_a_crowd_that_is_forgotten_those_who_come_stay() {
    explore(150, || {
        let store = open(&Config { shards: 1, ..Config::default() });
        let all = |numbers: std::ops::Range<u16>| numbers.map(|number| quietly(v4(number), COMES));
        ask(&store, START, all(0..300));
        ask(&store, MIDDLE, all(0..RENEWED));
        let sweeper = sweeper(&store, LATER, 2);
        let owned = |number| Own { torrent: torrent(0), peer: v4(number) };
        let mut left =
            from_threads(&store, LATER, (0..RENEWED).map(owned), [0..RENEWED, 200..210, 1_000..1_010], owned);
        sweeper.join().expect("it has not failed");
        pass(&store, LATER);
        let mut members = check_totals(&store, LATER, &[torrent(0)]).remove(0);
        left.retain(|own| !members.remove(&own.peer));
        assert!(left.is_empty() && members.is_empty(), "lost: {left:?}; should be gone: {members:?}");
    });
}

const RENEWED: u16 = 40;
