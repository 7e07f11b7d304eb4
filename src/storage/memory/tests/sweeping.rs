//! Sweeps forget everything that is over in one pass, give its memory back, and hold no lock for long.

use std::time::Duration;

use super::super::shard::MOST_TOUCHED;
use super::super::{Config, MemoryStorage};
use super::kind::spread;
use crate::bittorrent::{Endpoint, InfoHash, PerFamily};
use crate::clock::{Clock, Now};
use crate::storage::{Announce, Answer, Batch, Change, Environment, Role, SWEEPS_PER_PASS, Storage, Totals, Want};

/// A store of one shard: whatever takes long takes longest there. Peers live for a minute.
struct Trial(MemoryStorage);

impl Trial {
    fn new() -> Self {
        let environment = Environment::new(Duration::from_secs(60), *b"0123456789abcdef", Clock::start());
        Self(MemoryStorage::new(&Config { shards: 1, ..Config::default() }, environment))
    }

    fn announce(&self, now: u32, peers: impl Iterator<Item = (u32, Endpoint)>, change: Change) {
        let mut batch = Batch::default();
        for (torrent, peer) in peers {
            batch.push(Announce { info_hash: InfoHash(spread(torrent)), peer, change, want: Want::default() });
        }
        assert!(matches!(self.0.apply(Now(now), batch), Answer::Ready(_)));
    }

    fn pass(&self, now: u32) {
        (0..SWEEPS_PER_PASS).for_each(|_| self.0.sweep(Now(now)));
    }

    fn frames(&self) -> usize {
        let shards = self.0.shards.iter().map(|shard| shard.lock());
        shards.map(|shard| shard.torrents.frames() + shard.swarms.frames()).sum()
    }

    fn assert_holds(&self, torrents: u32, v4: u32, v6: u32) {
        let Totals { torrents: held, peers, .. } = self.0.totals();
        assert_eq!((held, peers), (Some(torrents.into()), Some(PerFamily { v4: v4.into(), v6: v6.into() })));
    }

    /// Nothing is there, all but a tenth of the frames are given back, and none of it took long.
    fn assert_is_empty(&self, frames_before: usize) {
        self.assert_holds(0, 0, 0);
        let frames = self.frames();
        assert!(frames * 10 <= frames_before, "{frames} of {frames_before} frames");
        let most = self.0.most_touched();
        assert!((1..=MOST_TOUCHED).contains(&most), "{most} touched");
    }
}

fn v4(number: u32) -> Endpoint {
    Endpoint::V4(spread(number))
}

fn v6(number: u32) -> Endpoint {
    Endpoint::V6(spread(number))
}

const PRESENT: Change = Change::Present { role: Role::Downloader, completed: false };
const SEEDING: Change = Change::Present { role: Role::Seeder, completed: false };

/// Without optimisation, fewer are slow enough.
const MANY: u32 = if cfg!(debug_assertions) { 40_000 } else { 300_000 };

#[test]
fn a_giant_swarm_ages_by_half_and_wholly() {
    for (peer, family) in [(v4 as fn(u32) -> Endpoint, 0), (v6, 1)] {
        let trial = Trial::new();
        let number = MANY / (1 + 2 * family);
        let in_family = |number| if family == 0 { (number, 0) } else { (0, number) };
        trial.announce(0, (0..number).map(|number| (1, peer(number))), PRESENT);
        let frames = trial.frames();
        // One in two comes again, and one in eight of those has become a seeder.
        trial.announce(40, (0..number).step_by(2).map(|number| (1, peer(number))), PRESENT);
        trial.announce(40, (0..number).step_by(16).map(|number| (1, peer(number))), SEEDING);
        trial.pass(62);
        let (v4, v6) = in_family(number.div_ceil(2));
        trial.assert_holds(1, v4, v6);
        assert!(trial.frames() * 3 < frames * 2, "{} of {frames} frames", trial.frames());
        trial.pass(102);
        trial.assert_holds(0, 0, 0);
        trial.pass(103);
        trial.assert_is_empty(frames);
    }
}

#[test]
fn many_torrents_of_one_peer_age_by_half_and_wholly() {
    let trial = Trial::new();
    trial.announce(0, (0..MANY).map(|number| (number, v4(number))), PRESENT);
    let frames = trial.frames();
    trial.announce(40, (0..MANY).step_by(2).map(|number| (number, v4(number))), PRESENT);
    trial.pass(62);
    trial.assert_holds(MANY / 2, MANY / 2, 0);
    trial.pass(102);
    trial.assert_holds(0, 0, 0);
    trial.pass(103);
    trial.assert_is_empty(frames);
}

/// So many peers or somewhat fewer, of both families, in torrents of 1 to 40.
fn small_swarms(peers: u32) -> impl Iterator<Item = (u32, Endpoint)> + Clone {
    let peer = |number| if number % 3 == 0 { v6(number) } else { v4(number) };
    (0..peers / 21).flat_map(move |torrent| (0..=torrent % 40).map(move |n| (torrent, peer(torrent * 40 + n))))
}

#[test]
fn small_swarms_age_by_half_and_wholly() {
    let trial = Trial::new();
    let peers = MANY / 3;
    trial.announce(0, small_swarms(peers), PRESENT);
    let frames = trial.frames();
    trial.announce(40, small_swarms(peers).filter(|(torrent, _)| torrent % 4 == 0), PRESENT);
    let left = small_swarms(peers).filter(|(torrent, _)| torrent % 4 == 0);
    let left_v6 = left.clone().filter(|(_, peer)| matches!(peer, Endpoint::V6(_))).count();
    let [left, left_v6] = [left.count(), left_v6].map(|count| u32::try_from(count).unwrap());
    trial.pass(62);
    let totals = trial.0.totals().peers.unwrap();
    assert_eq!((totals.v4, totals.v6), ((left - left_v6).into(), left_v6.into()));
    // Two passes: what the first has thinned out, the second moves together.
    trial.pass(63);
    assert!(trial.frames() * 2 < frames, "{} of {frames} frames", trial.frames());
    trial.pass(102);
    trial.pass(103);
    trial.assert_is_empty(frames);
}

#[test]
fn when_all_have_left_their_memory_is_given_back() {
    let trial = Trial::new();
    let third = MANY / 3;
    let all = || {
        let giant = (0..third).map(|number| (u32::MAX, if number % 4 == 0 { v6(number) } else { v4(number) }));
        let alone = (0..third).map(|number| (number + third, v4(number)));
        giant.chain(alone).chain(small_swarms(third / 2).map(|(torrent, peer)| (torrent + 2 * third, peer)))
    };
    trial.announce(0, all(), PRESENT);
    let frames = trial.frames();
    trial.announce(1, all(), Change::Absent);
    trial.assert_holds(0, 0, 0);
    trial.pass(1);
    trial.pass(2);
    trial.assert_is_empty(frames);
}

#[test]
fn a_torrent_without_peers_is_remembered_for_its_completed_downloads() {
    let trial = Trial::new();
    let completed = Change::Present { role: Role::Seeder, completed: true };
    trial.announce(0, (0..500).map(|number| (number, v4(number))), completed);
    trial.announce(10, (0..250).map(|number| (number, v4(number))), Change::Absent);
    trial.pass(62);
    trial.assert_holds(500, 0, 0);
    trial.pass(72);
    trial.assert_holds(250, 0, 0);
    trial.pass(124);
    trial.assert_holds(0, 0, 0);
}
