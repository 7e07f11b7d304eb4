//! Clocks that leap. The process's own is monotonic, so this is what a machine that was suspended, or a broken one, does.

use super::*;

const HOUR_SECONDS: u32 = 3_600;

/// Announces and scrapes as a client does that knows nothing of clocks; says who is in the swarm.
fn leechers(world: &mut World, id: [u8; 8], port: u16) -> u8 {
    let announced = world.ask(announce(id, 1, 0, port), LEECHER);
    assert_eq!(&announced[..8], b"\0\0\0\x01tran");
    let scraped = world.ask(scrape(id, 1), LEECHER);
    assert_eq!((&scraped[..8], scraped[19]), (&b"\0\0\0\x02tran"[..], announced[15]));
    scraped[19]
}

#[test]
fn a_clock_that_leaps_an_hour_ahead_has_forgotten_those_who_do_not_come_again_and_serves_on() {
    let mut world = World::new();
    let id = world.connection_id(LEECHER);
    assert_eq!([1, 2, 3].map(|port| leechers(&mut world, id, port)), [1, 2, 3]);
    world.now = Now(world.now.0 + HOUR_SECONDS);
    // The swarm's next sweep takes whom the hour has made too old, and nobody who came after it.
    leechers(&mut world, id, 3);
    (0..crate::storage::SWEEPS_PER_PASS).for_each(|_| world.handler.tracker.storage().sweep(world.now));
    assert_eq!([3, 1].map(|port| leechers(&mut world, id, port)), [1, 2]);
}

#[test]
fn a_clock_that_leaps_an_hour_back_serves_on_and_keeps_those_who_come() {
    let mut world = World::new();
    let id = world.connection_id(LEECHER);
    assert_eq!([1, 2, 3].map(|port| leechers(&mut world, id, port)), [1, 2, 3]);
    let sweep = |world: &World| {
        (0..crate::storage::SWEEPS_PER_PASS).for_each(|_| world.handler.tracker.storage().sweep(world.now));
    };
    // Back, and then right again: who has come since the leap is there, whoever else may be.
    for leap in [-3_600, 3_600] {
        world.now = Now(world.now.0.wrapping_add_signed(leap));
        (1..3).for_each(|port| _ = leechers(&mut world, id, port));
        sweep(&world);
        assert!(leechers(&mut world, id, 3) >= 3, "after a leap of {leap} s");
    }
}
