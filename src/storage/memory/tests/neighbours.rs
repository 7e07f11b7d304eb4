//! What replies betray: peers that come in one reply are kept near each other. Whoever has many peers learns that way which of
//! them share a page of their swarm's table, and could have a page filled with nothing else.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::time::Duration;

use super::super::{Config, MemoryStorage};
use super::kind::{gathered, spread};
use crate::bittorrent::{Endpoint, InfoHash};
use crate::clock::{Clock, Now};
use crate::storage::{Announce, Answer, Batch, Change, Environment, Reply, Role, Storage, Want};

const COMES: Change = Change::Present { role: Role::Downloader, completed: false };

/// One who has any number of peers, and reads what they are told.
struct Attacker {
    store: MemoryStorage,
    asked: u64,
}

impl Attacker {
    fn new() -> Self {
        let environment = Environment::new(Duration::from_secs(60), *b"0123456789abcdef", Clock::start());
        Self { store: MemoryStorage::new(&Config::default(), environment), asked: 0 }
    }

    /// Has peers come to a torrent or leave it.
    fn announce(&mut self, torrent: u32, numbers: impl Iterator<Item = u32>, change: Change) {
        for number in numbers {
            self.ask(torrent, number, change, 0);
        }
    }

    /// The peers that one is told of.
    fn ask(&mut self, torrent: u32, number: u32, change: Change, peers: u32) -> HashSet<u32> {
        self.asked += 1;
        let mut batch = Batch { seed: self.asked, ..Batch::default() };
        let want = Want { peers, both_families: false };
        batch.push(Announce { info_hash: InfoHash(spread(torrent)), peer: Endpoint::V4(spread(number)), change, want });
        let Answer::Ready(batch) = self.store.apply(Now(0), batch) else { panic!("it is late") };
        let Reply::Announce { peers, .. } = batch.entries[0].reply else { panic!("{batch:?}") };
        batch.compact(peers.v4).as_chunks::<6>().0.iter().map(|peer| gathered(peer)).collect()
    }

    /// Peers that share a page of a torrent with each other, whenever they are in it.
    ///
    /// A few that are known stay, and others come in turns. Who is told of together with the known is near them.
    fn learn(&mut self, torrent: u32) -> BTreeSet<u32> {
        let (mut known, mut learnt) = (HashSet::new(), BTreeSet::new());
        for turn in 0..TURNS {
            let peers = turn * PEERS..(turn + 1) * PEERS;
            self.announce(torrent, peers.clone(), COMES);
            if known.is_empty() {
                known = self.ask(torrent, 0, COMES, 200);
            }
            learnt.extend(self.near(torrent, peers.clone(), &mut known));
            let anchors: HashSet<_> = learnt.iter().copied().take(ANCHORS).collect();
            self.announce(torrent, peers.filter(|number| !anchors.contains(number)), Change::Absent);
            known = anchors;
        }
        learnt
    }

    fn near(&mut self, torrent: u32, peers: Range<u32>, known: &mut HashSet<u32>) -> HashSet<u32> {
        let mut near = known.clone();
        for number in peers.step_by(20) {
            let told = self.ask(torrent, number, COMES, 200);
            if told.intersection(known).count() >= TOGETHER {
                near.extend(told);
            }
        }
        near
    }
}

#[test]
fn what_is_learnt_in_one_swarm_is_worth_nothing_in_another() {
    let mut attacker = Attacker::new();
    let learnt = attacker.learn(1);
    assert!(learnt.len() > ENOUGH, "{} are enough to fill a page", learnt.len());
    // A store that touches more entries than it may says so by itself.
    attacker.announce(2, learnt.into_iter(), COMES);
    assert!(attacker.store.most_touched() <= super::super::shard::MOST_TOUCHED);
}

#[test]
fn what_is_learnt_in_a_swarm_is_worth_nothing_there_for_long() {
    let mut attacker = Attacker::new();
    let learnt = attacker.learn(1);
    assert!(learnt.len() > ENOUGH, "{} are enough to fill a page", learnt.len());
    attacker.announce(1, learnt.iter().copied(), COMES);
    assert!(attacker.store.most_touched() <= super::super::shard::MOST_TOUCHED);
    for &number in learnt.iter().step_by(50) {
        assert_eq!(attacker.ask(1, number, Change::Unchanged { role: Role::Downloader }, 200).len(), 200);
    }
    attacker.announce(1, learnt.into_iter(), Change::Absent);
    let peers = attacker.store.totals().peers.unwrap();
    assert_eq!(peers.v4 + peers.v6, 0, "each is found where it is now");
}

/// Peers of one turn: for a table of nine pages, of which seven have an eighth each.
const PEERS: u32 = 15_000;

const TURNS: u32 = 6;

/// So many stay to tell the page by: more than make a crowd.
const ANCHORS: usize = 400;

/// Known peers in a reply that has a tenth of their page; replies of other pages have none.
const TOGETHER: usize = 8;

const ENOUGH: usize = 8_000;
