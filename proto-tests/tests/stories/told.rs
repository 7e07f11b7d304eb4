//! Whom an announcer is told of.

use std::collections::BTreeSet;

use proto_tests::story::{EVERY_WAY, Peer, Step, scrape_finds};
use tracker_client::{Announce, Event};

use crate::{A, B, C, D, in_every_way, trackers};

/// aria2 connects to itself, and then bans its own address.
#[test]
fn nobody_is_told_of_themselves() {
    in_every_way(&[
        A.leeches().wants(50).is_told(0, 1, &[]),
        A.leeches().wants(50).is_told(0, 1, &[]),
        B.leeches().wants(1).is_told(0, 2, &[A]),
        B.leeches().wants(2).is_told(0, 2, &[A]),
        A.leeches().wants(1).is_told(0, 2, &[B]),
        A.pauses().is_told(0, 2, &[B]),
        B.seeds().is_told(1, 1, &[]),
    ]);
}

/// BEP 15: "num_want"; BEP 3: `numwant`.
#[test]
fn num_want_is_taken_at_its_word() {
    let mut steps = crowd(1, 60);
    let crowd: Vec<_> = peers(1, 60).collect();
    steps.extend([
        A.leeches().wants(0).is_told(0, 61, &[]),
        A.leeches().wants(1).is_told_some(0, 61, 1, &crowd),
        A.leeches().wants(7).is_told_some(0, 61, 7, &crowd),
        A.leeches().wants(60).is_told(0, 61, &crowd),
        A.leeches().wants(61).is_told(0, 61, &crowd),
        A.leeches().wants(i32::MAX).is_told(0, 61, &crowd),
        // Left to the tracker: 50.
        A.leeches().is_told_some(0, 61, 50, &crowd),
        A.leeches().wants(-1).is_told_some(0, 61, 50, &crowd),
        A.leeches().wants(i32::MIN).is_told_some(0, 61, 50, &crowd),
    ]);
    in_every_way(&steps);
}

/// A seeder has no use for another.
#[test]
fn a_seeder_is_offered_leechers_only() {
    in_every_way(&[
        A.seeds().is_told(1, 0, &[]),
        B.seeds().is_told(2, 0, &[]),
        C.leeches().is_told(2, 1, &[A, B]),
        A.seeds().is_told(2, 1, &[C]),
        D.completes().is_told(3, 1, &[C]),
        C.seeds().is_told(4, 0, &[]),
        D.seeds().is_told(4, 0, &[]),
    ]);
}

/// BEP 21.
#[test]
fn a_partial_seed_is_incomplete_and_offered_those_who_download() {
    in_every_way(&[
        A.pauses().is_told(0, 1, &[]),
        B.pauses().is_told(0, 2, &[]),
        scrape_finds(0, 0, 2).with_downloaders(0),
        C.seeds().is_told(1, 2, &[]),
        D.leeches().is_told(1, 3, &[A, B, C]),
        scrape_finds(1, 0, 3).with_downloaders(1),
        A.pauses().is_told(1, 3, &[D]),
        C.seeds().is_told(1, 3, &[D]),
        // It wants the rest after all.
        A.leeches().is_told(1, 3, &[B, C, D]),
        B.pauses().is_told(1, 3, &[A, D]),
        scrape_finds(1, 0, 3).with_downloaders(2),
    ]);
}

/// All of 12 come up when 4 are told of 60 times; that chance leaves one out is less likely than 10^-8.
#[test]
fn a_leecher_is_told_of_a_random_mix() {
    for tracker in trackers().iter() {
        for way in EVERY_WAY {
            let info_hash: [u8; 20] = rand::random();
            let mut teller = way.teller(tracker, A.host(way.family));
            for port in 2001..=2012 {
                teller.announce(&Announce::new(info_hash, port)).unwrap();
            }
            let asks = Announce::new(info_hash, 1001).num_want(4);
            let mut seen = BTreeSet::new();
            for _ in 0..60 {
                let four: BTreeSet<_> = teller.announce(&asks).unwrap().peers.into_iter().collect();
                assert_eq!(four.len(), 4, "{way:?}");
                seen.extend(four);
            }
            assert_eq!(seen.len(), 12, "{way:?}: {seen:?}");
        }
    }
}

/// The announcer is counted as what it says it is now.
#[test]
fn counts_include_the_announcer() {
    in_every_way(&[
        A.leeches().is_told(0, 1, &[]),
        A.seeds().is_told(1, 0, &[]),
        B.seeds().event(Event::Started).is_told(2, 0, &[]),
        B.pauses().is_told(1, 1, &[]),
        B.stops().is_told(1, 0, &[]),
    ]);
}

fn peers(first: u16, last: u16) -> impl Iterator<Item = Peer> {
    (first..=last).map(|number| Peer::new(2000 + number))
}

/// Leechers that come one after the other and want nobody.
fn crowd(first: u16, last: u16) -> Vec<Step> {
    let arrivals = (1..).zip(peers(first, last));
    arrivals.map(|(count, peer)| peer.leeches().wants(0).is_told(0, count, &[])).collect()
}
