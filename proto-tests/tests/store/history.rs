//! Random histories: what happens to a store, and to its model.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use chihaya::bittorrent::{Endpoint, Family, InfoHash};
use chihaya::storage::conformance::Seconds;
use chihaya::storage::{Announce, Change, Request, Role, Scrape, Want};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) lifetime: Seconds,
    pub(crate) start: u32,
    /// Endpoints that take part.
    pub(crate) pool: u16,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Batch {
        lag: Seconds,
        asks: Vec<Ask>,
    },
    /// So many of the pool all announce the same: one after another, or every second one, who are of one family.
    Crowd {
        torrent: u8,
        first: u16,
        number: u16,
        every: u16,
        change: Change,
    },
    Sweep {
        lag: Seconds,
        times: usize,
    },
    /// Of the clock.
    Leap(i64),
    Wait(Wait),
}

/// A request, with its torrent and its peer by number.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Announce { torrent: u8, who: u16, change: Change, want: Want },
    Scrape { torrent: u8, family: Family },
}

/// A time, for the most part close to where something ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Seconds(Seconds),
    /// Thousandths of a lifetime.
    Thousandths(Seconds),
    /// One lifetime, give or take.
    Lifetime(i64),
}

impl Ask {
    pub(crate) fn request(&self, pool: u16) -> Request {
        match *self {
            Self::Announce { torrent, who, change, want } => {
                Announce { info_hash: InfoHash([torrent; 20]), peer: endpoint(who % pool), change, want }.into()
            }
            Self::Scrape { torrent, family } => Scrape { info_hash: InfoHash([torrent; 20]), family }.into(),
        }
    }
}

impl Wait {
    pub(crate) fn seconds(self, lifetime: Seconds) -> Seconds {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Thousandths(thousandths) => lifetime * thousandths / 1000,
            Self::Lifetime(more) => lifetime.saturating_add_signed(more),
        }
    }
}

/// Both families in turn; neighbours differ in the port, or in the address.
pub(crate) fn endpoint(who: u16) -> Endpoint {
    let [high, low] = (who / 4).to_be_bytes();
    let address = match who % 2 {
        0 => Ipv4Addr::new(198, 18, high, low).into(),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, high.into(), low.into()).into(),
    };
    Endpoint::new(address, 6881 + who % 4 / 2)
}

/// Of some hundred peers at most, so that swarms of every small size come and go.
pub(crate) fn history() -> impl Strategy<Value = History> {
    let pool = prop_oneof![1..8_u16, 8..80_u16, Just(MOST_ENDPOINTS)];
    of(pool, vec(step(1..20, 50..MOST_ENDPOINTS), 1..20))
}

/// Of more peers than a small swarm has room for, in two torrents, so that crowds form and dissolve.
pub(crate) fn crowded_history() -> impl Strategy<Value = History> {
    let step = prop_oneof![
        5 => crowd(0..2, 300..MOST_IN_CROWD, present().boxed()),
        3 => crowd(0..2, MOST_OF_ALL..MANY_ENDPOINTS, Just(Change::Absent).boxed()),
        2 => (300..1_500_u64).prop_map(|thousandths| Step::Wait(Wait::Thousandths(thousandths))),
        1 => Just(Step::Sweep { lag: 0, times: 64 }),
        2 => step(1..20, 20..300),
    ];
    of(Just(MANY_ENDPOINTS), vec(step, 3..14))
}

/// Of a clock that leaps as often as not.
pub(crate) fn leaping_history() -> impl Strategy<Value = History> {
    let step = prop_oneof![
        2 => step(1..20, 50..MOST_ENDPOINTS),
        1 => leap().prop_map(Step::Leap),
    ];
    of(prop_oneof![1..8_u16, 8..80_u16, Just(MOST_ENDPOINTS)], vec(step, 2..24))
}

/// Seconds: back by up to two days, or forward by up to three weeks, by some decades, or to where ticks come round.
fn leap() -> impl Strategy<Value = i64> {
    const HOUR: i64 = 3_600;
    prop_oneof![
        3 => -48 * HOUR..0,
        1 => -HOUR..HOUR,
        3 => 0..500 * HOUR,
        1 => 0..500_000 * HOUR,
        3 => (1..9_i64, 0..8_u32, -3_000..3_000_i64).prop_map(|(times, shift, more)| ((times * 8_192) << shift) + more),
    ]
}

fn of(pool: impl Strategy<Value = u16>, steps: impl Strategy<Value = Vec<Step>>) -> impl Strategy<Value = History> {
    // Below and above the lifetimes that need coarser ticks than a second.
    let lifetime = prop_oneof![Just(1), Just(30), Just(2_048), Just(2_049), Just(3_000), Just(100_000)];
    let start = prop_oneof![Just(0), Just(1_800_000_000), u32::MAX - 5..=u32::MAX, any::<u32>()];
    (lifetime, start, pool, steps).prop_map(|(lifetime, start, pool, steps)| History { lifetime, start, pool, steps })
}

fn step(few: Range<u16>, many: Range<u16>) -> impl Strategy<Value = Step> {
    let lapse = prop_oneof![0..64_usize, Just(64), Just(130)];
    prop_oneof![
        8 => (lag(), vec(ask(), 1..=MOST_ENTRIES)).prop_map(|(lag, asks)| Step::Batch { lag, asks }),
        2 => prop_oneof![crowd(torrents(), few, change().boxed()), crowd(torrents(), many, change().boxed())],
        2 => (lag(), lapse).prop_map(|(lag, times)| Step::Sweep { lag, times }),
        4 => wait().prop_map(Step::Wait),
    ]
}

fn crowd(torrents: Range<u8>, number: Range<u16>, change: BoxedStrategy<Change>) -> impl Strategy<Value = Step> {
    (torrents, 0..MANY_ENDPOINTS, number, 1..=2_u16, change)
        .prop_map(|(torrent, first, number, every, change)| Step::Crowd { torrent, first, number, every, change })
}

fn ask() -> impl Strategy<Value = Ask> {
    let announce = (torrents(), 0..MANY_ENDPOINTS, change(), want());
    prop_oneof![
        9 => announce.prop_map(|(torrent, who, change, want)| Ask::Announce { torrent, who, change, want }),
        1 => (torrents(), prop::sample::select(&Family::BOTH)).prop_map(|(torrent, family)| Ask::Scrape { torrent, family }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        7 => present(),
        2 => Just(Change::Absent),
        1 => role().prop_map(|role| Change::Unchanged { role }),
    ]
}

fn present() -> impl Strategy<Value = Change> {
    (role(), any::<bool>()).prop_map(|(role, completed)| Change::Present { role, completed })
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![3 => Just(Role::Downloader), 2 => Just(Role::Seeder), 1 => Just(Role::PartialSeed)]
}

fn want() -> impl Strategy<Value = Want> {
    let peers = prop_oneof![0..4_u32, 0..=250_u32];
    (peers, any::<bool>()).prop_map(|(peers, both_families)| Want { peers, both_families })
}

fn wait() -> impl Strategy<Value = Wait> {
    prop_oneof![
        (0..4_u64).prop_map(Wait::Seconds),
        (0..1_000_u64).prop_map(Wait::Thousandths),
        (1_000..5_000_u64).prop_map(Wait::Thousandths),
        (-3..=5_i64).prop_map(Wait::Lifetime),
    ]
}

/// How old the moment is that a worker or a timer has read: the threads do not wait for each other.
fn lag() -> impl Strategy<Value = Seconds> {
    prop_oneof![4 => Just(0), 1 => 1..=2_u64]
}

const fn torrents() -> Range<u8> {
    0..TORRENTS
}

/// Few, so that requests meet.
pub(crate) const TORRENTS: u8 = 4;

/// Enough for all sizes of most swarms.
const MOST_ENDPOINTS: u16 = 300;

/// Enough for the swarms of each family to outgrow the memory store's small form by far.
const MANY_ENDPOINTS: u16 = 1_500;

/// What leaves few of a swarm, of one family or of both.
const MOST_OF_ALL: u16 = MANY_ENDPOINTS - 250;

/// All of one family, or half of both.
const MOST_IN_CROWD: u16 = MANY_ENDPOINTS / 2;

/// Entries in a batch at most, as many as a worker receives at once.
pub(crate) const MOST_ENTRIES: usize = 64;
