//! A million announces of peers that are known allocate nothing, from the datagram that came to the one that leaves.
#![allow(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use chihaya::bittorrent::Family;
use chihaya::clock::Now;
use chihaya::counters::{Action, Counter, Outcome, Transport};
use chihaya::storage::{Announce, Batch};
use chihaya_benches::micro::{Crowd, Mail, Peer, START, World, apply, storage};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

#[test]
fn a_million_steady_announces_allocate_nothing() {
    let mut world = filled();
    let mut mail = Mail::new(BATCH);
    let mut rng = SmallRng::seed_from_u64(1);
    // A worker's buffers grow with the longest batch it has met, so that one comes first.
    for family in Family::BOTH {
        for _ in 0..BATCH {
            world.send(&mut mail, &announce(peer(family, Swarms { size: 2_000, dual: true }, 7), 200));
        }
        world.answer(START, &mut mail);
        assert!(mail.replies().all(|reply| reply.len() > 1_200), "every packet is full");
        mail.clear();
    }
    let announces = |world: &World| -> u64 {
        let of = |family| world.count(Counter::Response(Transport::Udp, family, Action::Announce, Outcome::Ok));
        Family::BOTH.into_iter().map(of).sum()
    };
    let (answered, mut allocated) = (announces(&world), 0);
    for batch in 0..MILLION.div_ceil(BATCH) {
        for _ in 0..BATCH {
            let swarms = SWARMS.choose(&mut rng).expect("some");
            let family = *Family::BOTH.choose(&mut rng).expect("two");
            let want = *WANTS.choose(&mut rng).expect("some");
            world.send(&mut mail, &announce(peer(family, *swarms, rng.random_range(0..PEERS)), want));
        }
        // Peers come back after half an hour; here it takes them a few minutes.
        let now = Now(START.0 + u32::try_from(batch).expect("thousands") / 50);
        let before = allocations();
        world.answer(now, &mut mail);
        allocated += allocations() - before;
        mail.clear();
    }
    assert!(announces(&world) - answered >= MILLION as u64, "every announce is answered");
    assert_eq!(allocated, 0, "allocations");
}

#[test]
fn an_allocation_is_counted() {
    let before = allocations();
    let mut vector = vec![black_box(1_u8)];
    vector.reserve_exact(black_box(1_000));
    drop(vector);
    assert_eq!(allocations() - before, 2);
}

/// Swarms of one size, each family of a torrent alone or both in one.
#[derive(Clone, Copy)]
struct Swarms {
    size: u32,
    dual: bool,
}

/// A tracker with all swarms.
fn filled() -> World {
    let storage = storage();
    for family in Family::BOTH {
        for swarms in SWARMS {
            for number in 0..PEERS {
                let mut batch = Batch::default();
                batch.push(announce(peer(family, *swarms, number), 0));
                apply(&storage, START, batch);
            }
        }
    }
    World::new(storage)
}

/// One of the peers in swarms of this form.
fn peer(family: Family, swarms: Swarms, number: u32) -> (Family, Peer) {
    let Swarms { size, dual } = swarms;
    let first = 2 * size + u32::from(dual);
    let torrent = 2 * (first * PEERS + number / size) + u32::from(!dual && family == Family::V6);
    (family, Peer { torrent, number: first * PEERS + number })
}

fn announce((family, peer): (Family, Peer), want: u32) -> Announce {
    Crowd { family, want, seeders_percent: 50 }.present(peer)
}

fn allocations() -> u64 {
    ALLOCATIONS.get()
}

thread_local! {
    /// Only this thread's own, for the test harness has others.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, and a count of what it is asked for.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is passed on as it came. Counting neither allocates nor unwinds: the cell is constant when its
// thread starts, and has no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller promises what `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller promises what `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller promises what `System` asks for, and all memory is from there.
        unsafe { System.realloc(memory, layout, size) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller promises what `System` asks for, and all memory is from there.
        unsafe { System.dealloc(memory, layout) }
    }
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

const MILLION: usize = 1_000_000;

/// Datagrams of a full batch.
const BATCH: usize = 64;

/// Swarms of every form, the last of which are large.
const SWARMS: &[Swarms] = &[
    Swarms { size: 1, dual: false },
    Swarms { size: 1, dual: true },
    Swarms { size: 2, dual: false },
    Swarms { size: 10, dual: true },
    Swarms { size: 100, dual: false },
    Swarms { size: 100, dual: true },
    Swarms { size: 300, dual: false },
    Swarms { size: 2_000, dual: false },
    Swarms { size: 2_000, dual: true },
];

/// Peers in the swarms of one form, each family its own.
const PEERS: u32 = 4_000;

/// Peers that clients ask for.
const WANTS: &[u32] = &[0, 1, 30, 50, 80, 200];
