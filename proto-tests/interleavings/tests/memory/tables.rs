//! A table of torrents that is split and joined, and a store that is full, under several threads.

use std::ops::Range;

use interleavings::bittorrent::Family;
use interleavings::storage::memory::{Config, MemoryStorage};
use interleavings::storage::{Announce, Change, Reply, Scrape, Storage, Want};
use shuttle::rand::{Rng, thread_rng};

use super::explore;
use super::own::{Own, from_threads};
use super::world::{COMES, LATER, MIDDLE, START, announce, ask, check_totals, open, pass, spawn, sweeper, torrent, v4};

#[test]
fn torrents_come_go_and_are_forgotten_while_their_table_is_split_and_joined() {
    explore(40, || {
        let store = open(&Config { shards: 1, ..Config::default() });
        let alone = |number| Own { torrent: torrent(number), peer: v4(number) };
        come(&store, START, 0..TO_SPLIT - 3);
        // With few left, pages are joined.
        let renewed = [1_000, 100][thread_rng().gen_range(0..2)];
        come(&store, MIDDLE, 0..renewed);
        let sweeper = sweeper(&store, LATER, 1);
        let numbers = [0..renewed, 1_500..1_520, 3_000..3_020];
        let left = from_threads(&store, LATER, (0..renewed).map(alone), numbers, alone);
        sweeper.join().expect("it has not failed");
        pass(&store, LATER);
        let scrapes = left.iter().map(|own| Scrape { info_hash: own.torrent, family: Family::V4 }.into());
        for (own, entry) in left.iter().zip(ask(&store, LATER, scrapes).entries) {
            let Reply::Scrape { counts } = entry.reply else { panic!("{entry:?}") };
            assert_eq!(counts.seeders + counts.leechers, 1, "{own:?}");
        }
        assert_eq!(store.totals().torrents, Some(left.len() as u64));
        assert_eq!(store.totals().peers.map(|peers| peers.v4 + peers.v6), Some(left.len() as u64));
    });
}

fn come(store: &MemoryStorage, now: interleavings::clock::Now, numbers: Range<u16>) {
    for number in numbers {
        // In batches of one, which look for nothing beforehand.
        let comes = Announce { want: Want::default(), ..announce(torrent(number), v4(number), COMES) };
        ask(store, now, [comes.into()]);
    }
}

/// One more, and the first page is split.
const TO_SPLIT: u16 = 1_751;

#[test]
fn a_store_full_of_peers_takes_no_more_than_its_threads_bring_at_once() {
    explore(500, || {
        let store = open(&Config { shards: 2, max_peers: MOST, ..Config::default() });
        let first: Vec<_> = (0..4).map(|number| announce(torrent(number % 2), v4(number), COMES)).collect();
        ask(&store, START, first.iter().map(|&comes| comes.into()));
        let joins =
            |thread: u16| (0..3).map(move |number| announce(torrent(number % 2), v4(10 * thread + number), COMES));
        let threads: Vec<_> = (1..=THREADS)
            .map(|thread| spawn(&store, move |store| _ = ask(store, START, joins(thread).map(Into::into))))
            .collect();
        let sweeper = sweeper(&store, START, 2);
        threads.into_iter().chain([sweeper]).for_each(|thread| thread.join().expect("it has not failed"));
        let members = check_totals(&store, START, &[torrent(0), torrent(1)]);
        assert!(first.iter().all(|comes| members.iter().any(|members| members.contains(&comes.peer))), "{members:?}");
        let number: usize = members.iter().map(|members| members.len()).sum();
        assert!((MOST..MOST + usize::from(THREADS)).contains(&number), "{number} peers");
        let refused = first.len() + 3 * usize::from(THREADS) - number;
        assert_eq!(store.health().refused.room, refused as u64);
        // What all threads counted is right in the end: when all have gone there is room for as many again, and no more.
        for (at, peer) in
            members.into_iter().enumerate().flat_map(|(at, members)| members.into_iter().map(move |peer| (at, peer)))
        {
            let at = u16::try_from(at).expect("it is 0 or 1");
            ask(&store, START, [announce(torrent(at), peer, Change::Absent).into()]);
        }
        ask(&store, START, (100..120).map(|number| announce(torrent(number % 2), v4(number), COMES).into()));
        let members = check_totals(&store, START, &[torrent(0), torrent(1)]);
        assert_eq!(members.iter().map(|members| members.len()).sum::<usize>(), MOST);
    });
}

#[test]
fn a_store_full_of_torrents_takes_no_more_than_its_threads_bring_at_once() {
    explore(500, || {
        let store = open(&Config { shards: 2, max_torrents: MOST, ..Config::default() });
        // Of two peers each, and room for one more.
        let full = u16::try_from(MOST).expect("it is small") - 1;
        let first = (0..2 * full).map(|number| announce(torrent(number / 2), v4(number), COMES).into());
        ask(&store, START, first);
        let invents = |thread: u16| (0..2).map(move |number| announce(torrent(10 * thread + number), v4(1), COMES));
        let threads: Vec<_> = (1..=THREADS)
            .map(|thread| spawn(&store, move |store| _ = ask(store, START, invents(thread).map(Into::into))))
            .collect();
        let sweeper = sweeper(&store, START, 2);
        threads.into_iter().chain([sweeper]).for_each(|thread| thread.join().expect("it has not failed"));
        let number = store.totals().torrents.and_then(|number| usize::try_from(number).ok()).expect("it knows");
        assert!((MOST..MOST + usize::from(THREADS)).contains(&number), "{number} torrents");
        let all: Vec<_> = (0..10 * (THREADS + 1)).map(torrent).collect();
        let members = check_totals(&store, START, &all);
        assert!(members.iter().take(full.into()).all(|members| members.len() == 2), "{members:?}");
    });
}

const THREADS: u16 = 3;

/// Peers, or torrents.
const MOST: usize = 8;
