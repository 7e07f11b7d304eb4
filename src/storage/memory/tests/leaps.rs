//! Clocks that leap: nobody is lost who has just come, and nobody stays who has long been gone.

use std::time::Duration;

use super::super::{Config, MemoryStorage};
use super::kind::spread;
use crate::bittorrent::{Endpoint, InfoHash};
use crate::clock::{Clock, Now};
use crate::storage::{Announce, Answer, Batch, Change, Environment, Reply, Role, SWEEPS_PER_PASS, Storage, Want};

/// A store whose peers live for fifty minutes, as they do by default: its ticks of two seconds come round in 4.5 hours.
fn store() -> MemoryStorage {
    let environment = Environment::new(Duration::from_secs(3_000), *b"0123456789abcdef", Clock::start());
    MemoryStorage::new(&Config::default(), environment)
}

/// Has a peer announce, and says how many there are.
fn come(store: &MemoryStorage, now: u32, number: u32) -> u32 {
    let change = Change::Present { role: Role::Downloader, completed: false };
    let mut batch = Batch::default();
    let peer = Endpoint::V4(spread(number));
    batch.push(Announce { info_hash: InfoHash([1; 20]), peer, change, want: Want::default() });
    let Answer::Ready(batch) = store.apply(Now(now), batch) else { panic!("it is late") };
    let Reply::Announce { counts, .. } = batch.entries[0].reply else { panic!("{batch:?}") };
    counts.leechers
}

fn pass(store: &MemoryStorage, now: u32) {
    (0..SWEEPS_PER_PASS).for_each(|_| store.sweep(Now(now)));
}

/// Of every kind: when the clock is all but round, in this century, and at the beginning.
const STARTS: [u32; 4] = [u32::MAX - 10, 1_800_000_000, 0, 1 << 31];

const HOUR: u32 = 3_600;

#[test]
fn whoever_was_there_before_a_leap_forward_is_gone_after_the_next_sweep_and_who_came_since_is_not() {
    for start in STARTS {
        for leap in [HOUR, 4 * HOUR, 9 * HOUR / 2, 5 * HOUR, 14_336, 16_384, 32_768, 1_000 * HOUR, 500_000 * HOUR] {
            let store = store();
            store.sweep(Now(start));
            assert_eq!([1, 2, 3].map(|number| come(&store, start, number)), [1, 2, 3]);
            let now = start.wrapping_add(leap);
            // A worker that read its clock before the leap comes late.
            assert_eq!([come(&store, now, 4), come(&store, now, 3), come(&store, start, 5)], [4, 4, 5]);
            store.sweep(Now(now));
            let left = come(&store, now, 3);
            assert!((2..=3).contains(&left), "{left} left of a leap of {leap} s at {start}");
            pass(&store, now.wrapping_add(2_900));
            assert!((2..=3).contains(&come(&store, now.wrapping_add(2_900), 3)), "a leap of {leap} s at {start}");
            pass(&store, now.wrapping_add(3_100));
            assert_eq!(come(&store, now.wrapping_add(3_100), 3), 1, "a leap of {leap} s at {start}");
        }
    }
}

#[test]
fn nobody_is_lost_by_a_clock_that_is_set_back_and_each_lives_as_long_as_ever() {
    for start in STARTS {
        for leap in [60, 600, 2_000, 2_100, HOUR, 5 * HOUR, 16_384, 1_000 * HOUR] {
            let store = store();
            store.sweep(Now(start));
            assert_eq!([1, 2].map(|number| come(&store, start, number)), [1, 2]);
            let now = start.wrapping_sub(leap);
            assert_eq!([come(&store, now, 3), come(&store, now, 2)], [3, 3]);
            pass(&store, now);
            pass(&store, now.wrapping_add(2_900));
            assert_eq!(come(&store, now.wrapping_add(2_900), 3), 3, "a leap of {leap} s at {start}");
            // A step of minutes is not told from threads that read their clocks apart: it is waited out.
            let over = now.wrapping_add(3_100 + if leap <= 600 { leap } else { 0 });
            pass(&store, over);
            assert_eq!(come(&store, over, 3), 1, "a leap of {leap} s at {start}");
        }
    }
}

#[test]
fn without_sweeps_nobody_is_forgotten_and_time_goes_on_with_them() {
    for start in STARTS {
        let store = store();
        store.sweep(Now(start));
        come(&store, start, 1);
        let mut now = start;
        for _ in 0..500 {
            now = now.wrapping_add(HOUR / 3);
            assert_eq!(come(&store, now, 2), 2);
        }
        pass(&store, now);
        assert_eq!(come(&store, now, 2), 1);
        // Whoever came again and again is there, and is forgotten in its time.
        pass(&store, now.wrapping_add(2_900));
        assert_eq!(come(&store, now.wrapping_add(2_900), 3), 2);
        pass(&store, now.wrapping_add(3_100));
        assert_eq!(come(&store, now.wrapping_add(3_100), 3), 1);
    }
}
