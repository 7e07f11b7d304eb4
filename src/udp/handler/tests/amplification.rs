//! No packet is an amplifier: random and mutated ones, many to a batch, with a crowd in the store that could be told of.

use std::cell::RefCell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};

use super::*;
use crate::wire::udp::PROTOCOL_MAGIC;

/// A packet of some kind with some id, and what was then done to its bytes.
#[derive(Clone, Debug)]
struct Packet {
    source: usize,
    shown: Shown,
    body: Body,
    changes: Vec<Damage>,
}

/// What the first eight bytes are.
#[derive(Clone, Debug)]
enum Shown {
    Magic,
    Number(u64),
    /// The source's own, under one of the secrets still accepted.
    Own(usize),
    /// The source's own, with one bit wrong.
    Flipped(usize, u32),
    /// One that was the source's, under a secret that has been rotated out.
    Expired,
    /// That of another source.
    Foreign(usize),
}

#[derive(Clone, Debug)]
enum Body {
    Connect,
    Announce { left: u64, event: u32, port: u16 },
    Scrape(usize),
    Noise(Vec<u8>),
}

#[derive(Clone, Debug)]
enum Damage {
    Cut(usize),
    Extend(Vec<u8>),
    Flip(usize),
    Action(u32),
}

fn packet() -> impl Strategy<Value = Packet> {
    let shown = prop_oneof![
        2 => Just(Shown::Magic),
        1 => prop_oneof![Just(0), any::<u64>()].prop_map(Shown::Number),
        1 => (0..3_usize).prop_map(Shown::Own),
        3 => (0..3_usize, 0..64_u32).prop_map(|(age, bit)| Shown::Flipped(age, bit)),
        1 => Just(Shown::Expired),
        1 => (1..SOURCES.len()).prop_map(Shown::Foreign),
    ];
    let body = prop_oneof![
        2 => Just(Body::Connect),
        3 => (any::<u64>(), 0..6_u32, any::<u16>()).prop_map(|(left, event, port)| Body::Announce { left, event, port }),
        2 => (0..90_usize).prop_map(Body::Scrape),
        1 => vec(any::<u8>(), 0..1_500).prop_map(Body::Noise),
    ];
    let damage = prop_oneof![
        (0..120_usize).prop_map(Damage::Cut),
        vec(any::<u8>(), 0..300).prop_map(Damage::Extend),
        (0..1_000_usize).prop_map(Damage::Flip),
        any::<u32>().prop_map(Damage::Action),
    ];
    (0..SOURCES.len(), shown, body, vec(damage, 0..3)).prop_map(|(source, shown, body, changes)| Packet {
        source,
        shown,
        body,
        changes,
    })
}

/// A world in which every source has ids of all ages.
struct Known {
    world: World,
    /// By source: ids under the secrets still accepted.
    good: Vec<[u64; 3]>,
    expired: Vec<u64>,
}

impl Known {
    fn new() -> Self {
        let mut world = World::new();
        for (source, peers) in [(SOURCES[0], 300), (SOURCES[1], 100)] {
            let id = world.connection_id(source);
            (1..=peers).for_each(|port| _ = world.ask(announce(id, 1, 2, port), source));
        }
        let issue = |world: &mut World, source| u64::from_be_bytes(world.connection_id(source));
        let mut ages = [5, 6, 7, 8].map(|secret| {
            let ids = SOURCES.map(|source| issue(&mut world, source));
            let next = world.handler.connection_ids.load().rotate(Secret([secret; 16]));
            world.handler.connection_ids.store(Arc::new(next));
            ids
        });
        // The last rotation has nobody's id yet; the two before it are accepted beside it.
        ages.rotate_left(2);
        let newest = SOURCES.map(|source| issue(&mut world, source));
        let good = (0..SOURCES.len()).map(|source| [ages[0][source], ages[1][source], newest[source]]).collect();
        Self { world, good, expired: ages[3].to_vec() }
    }

    fn bytes(&self, packet: &Packet) -> Vec<u8> {
        let good = &self.good[packet.source];
        let id = match packet.shown {
            Shown::Magic => PROTOCOL_MAGIC,
            Shown::Number(number) => number,
            Shown::Own(age) => good[age],
            Shown::Flipped(age, bit) => good[age] ^ 1 << bit,
            Shown::Expired => self.expired[packet.source],
            Shown::Foreign(steps) => self.good[(packet.source + steps) % SOURCES.len()][2],
        };
        let mut bytes = match &packet.body {
            Body::Connect => [&id.to_be_bytes()[..], &CONNECT[8..]].concat(),
            Body::Announce { left, event, port } => announce(id.to_be_bytes(), *left, *event, *port),
            Body::Scrape(torrents) => scrape(id.to_be_bytes(), *torrents),
            Body::Noise(noise) => noise.clone(),
        };
        packet.changes.iter().for_each(|damage| damage.apply(&mut bytes));
        bytes.truncate(crate::sys::PAYLOAD_LENGTH);
        bytes
    }

    /// Sends a batch; what shows no good id must get nothing but a connect's 16 bytes, and change nothing.
    fn check(&mut self, packets: &[Packet]) -> Result<usize, TestCaseError> {
        let requests: Vec<_> = packets.iter().map(|packet| (self.bytes(packet), SOURCES[packet.source])).collect();
        let shows_a_good_id = |packet: &Packet, request: &[u8]| {
            let shown = request.first_chunk().map(|id| u64::from_be_bytes(*id));
            shown.is_some_and(|id| self.good[packet.source].contains(&id))
        };
        let verified: Vec<_> =
            packets.iter().zip(&requests).map(|(packet, (request, _))| shows_a_good_id(packet, request)).collect();
        let before = self.world.handler.tracker.storage().totals();
        let replies = self.world.exchange(&requests);
        if !verified.contains(&true) {
            prop_assert_eq!(self.world.handler.tracker.storage().totals(), before);
        }
        let mut answered = 0;
        for ((reply, (request, source)), verified) in replies.iter().zip(&requests).zip(verified) {
            if verified {
                answered += usize::from(!reply.is_empty());
                continue;
            }
            let connects = request.len() >= 16 && request[..12] == CONNECT[..12];
            let due = if connects { 16 } else { 0 };
            prop_assert_eq!(reply.len(), due, "to {:02x?} from {}", request, source);
            prop_assert!(reply.len() <= request.len());
        }
        Ok(answered)
    }
}

impl Damage {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Cut(length) => bytes.truncate(*length),
            Self::Extend(more) => bytes.extend(more),
            Self::Flip(bit) => {
                if let Some(byte) = bytes.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Action(action) => {
                if let Some(place) = bytes.get_mut(8..12) {
                    place.copy_from_slice(&action.to_be_bytes());
                }
            }
        }
    }
}

#[test]
fn nothing_larger_than_the_request_goes_to_a_source_that_has_shown_no_id() {
    let known = RefCell::new(Known::new());
    let answered = RefCell::new(0);
    let mut runner = TestRunner::new(Cases { cases: BATCHES, failure_persistence: None, ..Cases::default() });
    let result = runner.run(&vec(packet(), 1..64), |packets| {
        *answered.borrow_mut() += known.borrow_mut().check(&packets)?;
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // That the test can tell: good ids are answered.
    assert!(*answered.borrow() > 200, "{answered:?}");
}

/// Of both families, one of them mapped; no two share an id.
const SOURCES: [&str; 4] = [SEEDER, "[2001:db8::1]:5000", "[::ffff:192.0.2.7]:5000", "[2001:db8:0:1::1]:5000"];

/// Some 32 packets each.
const BATCHES: u32 = 500;
