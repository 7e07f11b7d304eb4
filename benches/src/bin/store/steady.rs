//! Announces to a store that neither grows nor shrinks.

use std::collections::VecDeque;

use chihaya::clock::Now;
use chihaya::storage::memory::MemoryStorage;
use chihaya::storage::{Announce, SWEEPS_PER_PASS, Storage};
use chihaya_benches::micro::{Course, Crowd, Lap, Peer, START, Shape, storage, timed};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::Options;
use crate::floor::Floor;
use crate::report::{self, Rounds};

/// 2 million peers.
pub(crate) fn medium(options: &Options) {
    steady(options, Shape::MEDIUM);
}

/// 10 million peers.
pub(crate) fn large(options: &Options) {
    steady(options, Shape::LARGE);
}

/// Peers of a crowd renew, each as likely as any other, so that a swarm is asked as often as it is large.
fn steady(options: &Options, shape: Shape) {
    let crowd = options.crowd();
    let scene = Scene::fill(crowd, options.shape(shape));
    report::title(&format!("Renewals: {}, {}", scene.size(), report::crowd(&crowd)));
    let lines: Vec<_> = options.wants.iter().flat_map(|want| [64, 1].map(|size| (*want, size))).collect();
    let mut rounds: Vec<_> = lines.iter().map(|_| Rounds::default()).collect();
    let mut rng = SmallRng::seed_from_u64(2);
    let (mut memory, mut reads) = (Memory::new(), Rounds::default());
    let (mut floor, mut least) = (Floor::new(), Rounds::default());
    for round in 0..options.rounds {
        for ((want, size), rounds) in lines.iter().zip(&mut rounds) {
            let renewals = scene.renewals(Crowd { want: *want, ..crowd }, &mut rng);
            let mut course = Course::new(&scene.storage, *size);
            rounds.add(course.run(later(round), renewals.take(options.count(RENEWALS) as usize)));
        }
        let count = options.count(RENEWALS);
        least.add(floor_round(&mut floor, scene.renewals(Crowd { want: 30, ..crowd }, &mut rng), count));
        reads.add((timed(|| memory.read(count)), count));
    }
    for ((want, size), rounds) in lines.iter().zip(&rounds) {
        rounds.print(&format!("renewal, {want} wanted, batches of {size}"));
    }
    least.print("for comparison: the least, 30 of IPv4");
    reads.print("for comparison: one read anywhere in 128 MB");
}

/// The least that so many renewals cost, prepared as a [`Course`] prepares them.
fn floor_round(floor: &mut Floor, mut renewals: impl Iterator<Item = Announce>, count: u32) -> (Lap, u32) {
    let (mut lap, mut done) = (Lap::default(), 0);
    while done < count {
        let group: Vec<_> = renewals.by_ref().take(512).collect();
        lap += timed(|| floor.answer(&group, 1));
        done += 512;
    }
    (lap, done)
}

/// Memory to read here and there: how fast it is at this moment, for other machines' work on the same hardware shows in it.
struct Memory {
    /// Where to read next. One way leads through all of it.
    next: Vec<u32>,
    place: u32,
}

impl Memory {
    fn new() -> Self {
        let step = |place: u32| place.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f) % PLACES;
        Self { next: (0..PLACES).map(step).collect(), place: 0 }
    }

    /// Reads so often, each time where the read before says.
    fn read(&mut self, count: u32) {
        self.place = (0..count).fold(self.place, |place, _| self.next[place as usize]);
    }
}

/// Of twenty requests, one is a peer that leaves and one is a peer that comes.
pub(crate) fn churn(options: &Options) {
    let crowd = options.crowd();
    let mut scene = Scene::fill(crowd, options.shape(Shape::MEDIUM));
    report::title(&format!("A tenth come and go: {}, {}", scene.size(), report::crowd(&crowd)));
    let mut rng = SmallRng::seed_from_u64(2);
    let mut rounds = Rounds::default();
    let mut gone = VecDeque::new();
    for round in 0..options.rounds {
        let mut peers = std::mem::take(&mut scene.peers);
        let requests = (0..options.count(RENEWALS)).map(|turn| match turn % 20 {
            7 if peers.len() > 1 => {
                let peer = peers.swap_remove(rng.random_range(0..peers.len()));
                gone.push_back(peer);
                crowd.stopped(peer)
            }
            // Who left a while ago takes its torrent up again, so that the sizes of swarms stay as they are.
            17 if gone.len() > AWAY => {
                let peer = gone.pop_front().expect("there are more");
                peers.push(peer);
                crowd.present(peer)
            }
            _ => crowd.present(peers[rng.random_range(0..peers.len())]),
        });
        let mut course = Course::new(&scene.storage, 64);
        rounds.add(course.run(later(round), requests));
        scene.peers = peers;
    }
    rounds.print("request, batches of 64");
}

/// The same million peers in one swarm, and in swarms of a hundred.
pub(crate) fn giant_against_hundreds(options: &Options) {
    let crowd = options.crowd();
    let peers = options.count(1_000_000);
    let scenes = [1, peers / 100].map(|torrents| Scene::fill(crowd, Shape::Even { peers, torrents }));
    report::title(&format!("The giant swarm: {}, {}", scenes[0].size(), report::crowd(&crowd)));
    for size in [64, 1] {
        let mut rng = SmallRng::seed_from_u64(2);
        let mut courses = scenes.each_ref().map(|scene| Course::new(&scene.storage, size));
        let mut rounds = [Rounds::default(), Rounds::default()];
        for round in 0..options.rounds {
            for ((scene, course), rounds) in scenes.iter().zip(&mut courses).zip(&mut rounds) {
                let renewals = scene.renewals(crowd, &mut rng).take(options.count(RENEWALS) as usize);
                rounds.add(course.run(later(round), renewals));
            }
        }
        rounds[0].print(&format!("one swarm, batches of {size}"));
        rounds[1].print(&format!("swarms of 100, batches of {size}"));
        println!("{:<44} {:>9.2}", "ratio", rounds[0].median() / rounds[1].median());
    }
}

/// A filled store and who is in it.
pub(crate) struct Scene {
    pub(crate) storage: MemoryStorage,
    pub(crate) peers: Vec<Peer>,
}

impl Scene {
    pub(crate) fn fill(crowd: Crowd, shape: Shape) -> Self {
        let (storage, peers) = (storage(), shape.peers().collect::<Vec<_>>());
        Course::new(&storage, 64).run(START, peers.iter().map(|peer| Crowd { want: 0, ..crowd }.present(*peer)));
        // As a second or two after the other would.
        (0..SWEEPS_PER_PASS).for_each(|_| storage.sweep(START));
        Self { storage, peers }
    }

    pub(crate) fn size(&self) -> String {
        let totals = self.storage.totals();
        let torrents = totals.torrents.expect("memory knows its torrents");
        let peers = totals.peers.expect("and its peers");
        assert_eq!(peers.v4 + peers.v6, self.peers.len() as u64, "every peer is there");
        format!("{} peers in {torrents} torrents", self.peers.len())
    }

    /// Random peers of the crowd, without end.
    fn renewals<'a>(&'a self, crowd: Crowd, rng: &'a mut SmallRng) -> impl Iterator<Item = Announce> {
        std::iter::repeat_with(move || crowd.present(self.peers[rng.random_range(0..self.peers.len())]))
    }
}

/// Some time after [`START`], so that a renewal has something to write.
fn later(round: u32) -> Now {
    Now(START.0 + 60 * (round + 1))
}

/// Requests a round.
const RENEWALS: u32 = 500_000;

/// Four bytes each: 128 MB.
const PLACES: u32 = 1 << 25;

/// Peers that are away at a time.
const AWAY: usize = 100;
