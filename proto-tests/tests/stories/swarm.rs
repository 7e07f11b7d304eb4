//! Who is in a swarm, and as what.

use proto_tests::story::scrape_finds;
use tracker_client::Event;

use crate::{A, B, C, in_every_way};

/// BEP 3, "Trackers": `left`; BEP 15: `left`.
#[test]
fn a_seeder_has_nothing_left() {
    in_every_way(&[
        A.seeds().is_told(1, 0, &[]),
        B.leeches().left(1).is_told(1, 1, &[A]),
        C.leeches().left(u64::MAX).is_told(1, 2, &[A, B]),
        scrape_finds(1, 0, 2),
    ]);
}

/// BEP 3, "Trackers": `completed`.
#[test]
fn completed_with_something_left_completes_nothing() {
    in_every_way(&[
        A.leeches().event(Event::Completed).is_told(0, 1, &[]),
        scrape_finds(0, 0, 1),
        A.leeches().is_told(0, 1, &[]),
        A.completes().is_told(1, 0, &[]),
        scrape_finds(1, 1, 0),
    ]);
}

/// A client may find its data damaged, or choose more of it.
#[test]
fn a_seeder_that_lacks_something_is_a_leecher_again() {
    in_every_way(&[
        A.seeds().is_told(1, 0, &[]),
        A.leeches().is_told(0, 1, &[]),
        scrape_finds(0, 0, 1),
        A.seeds().is_told(1, 0, &[]),
        A.pauses().is_told(0, 1, &[]),
        scrape_finds(0, 0, 1).with_downloaders(0),
    ]);
}

/// BEP 48: `downloaded`; BEP 15: `completed`.
#[test]
fn a_download_is_counted_once() {
    in_every_way(&[
        A.leeches().event(Event::Started).is_told(0, 1, &[]),
        A.completes().is_told(1, 0, &[]),
        scrape_finds(1, 1, 0),
        A.completes().is_told(1, 0, &[]),
        A.leeches().is_told(0, 1, &[]),
        A.completes().is_told(1, 0, &[]),
        scrape_finds(1, 1, 0),
    ]);
}

/// Its earlier announces may have been lost.
#[test]
fn a_download_of_one_not_seen_before_is_counted() {
    in_every_way(&[
        A.completes().is_told(1, 0, &[]),
        A.completes().is_told(1, 0, &[]),
        scrape_finds(1, 1, 0),
        B.completes().is_told(2, 0, &[]),
        scrape_finds(2, 2, 0),
    ]);
}

#[test]
fn one_that_began_as_a_seeder_has_downloaded_nothing() {
    in_every_way(&[
        A.seeds().event(Event::Started).is_told(1, 0, &[]),
        A.completes().is_told(1, 0, &[]),
        A.leeches().is_told(0, 1, &[]),
        A.completes().is_told(1, 0, &[]),
        scrape_finds(1, 0, 0),
    ]);
}

/// A seeder that reaches nothing left without saying `completed` may still say so later.
#[test]
fn a_download_is_counted_when_it_is_told() {
    in_every_way(&[
        A.leeches().is_told(0, 1, &[]),
        A.seeds().is_told(1, 0, &[]),
        scrape_finds(1, 0, 0),
        A.completes().is_told(1, 0, &[]),
        scrape_finds(1, 1, 0),
    ]);
}

/// BEP 3, "Trackers": `stopped`.
#[test]
fn one_that_stops_is_gone_and_told_of_nobody() {
    in_every_way(&[
        A.seeds().is_told(1, 0, &[]),
        B.leeches().is_told(1, 1, &[A]),
        C.leeches().is_told(1, 2, &[A, B]),
        B.stops().wants(50).is_told(1, 1, &[]),
        C.leeches().is_told(1, 1, &[A]),
        // With nothing left, too.
        A.seeds().event(Event::Stopped).is_told(0, 1, &[]),
        C.leeches().is_told(0, 1, &[]),
        C.stops().is_told(0, 0, &[]),
        scrape_finds(0, 0, 0),
    ]);
}

/// What a tracker remembers of those who ask and go must not grow.
#[test]
fn a_scrape_and_a_stop_create_nothing() {
    in_every_way(&[
        scrape_finds(0, 0, 0),
        A.stops().is_told(0, 0, &[]),
        A.completes().event(Event::Stopped).is_told(0, 0, &[]),
        scrape_finds(0, 0, 0),
        B.leeches().is_told(0, 1, &[]),
        A.stops().is_told(0, 1, &[]),
        B.leeches().is_told(0, 1, &[]),
    ]);
}

/// The announce that began with `started` may have been lost, or made to another tracker.
#[test]
fn any_event_brings_a_peer_in() {
    for event in [Event::None, Event::Completed, Event::Started, Event::Paused, Event::Other(9)] {
        in_every_way(&[
            A.leeches().event(event).is_told(0, 1, &[]),
            B.leeches().is_told(0, 2, &[A]),
            C.seeds().event(event).is_told(1, 2, if event == Event::Paused { &[B] } else { &[A, B] }),
        ]);
    }
}

/// BEP 15 defines four events; what a client means by others is its own affair.
#[test]
fn an_unknown_event_is_none() {
    in_every_way(&[
        A.leeches().is_told(0, 1, &[]),
        A.leeches().event(Event::Other(5)).is_told(0, 1, &[]),
        A.seeds().event(Event::Other(u32::MAX)).is_told(1, 0, &[]),
        scrape_finds(1, 0, 0),
    ]);
}

/// Clients repeat a request whose answer was lost (BEP 15, "Time outs").
#[test]
fn an_announce_may_be_repeated() {
    in_every_way(&[
        A.leeches().event(Event::Started).is_told(0, 1, &[]),
        A.leeches().event(Event::Started).is_told(0, 1, &[]),
        B.leeches().is_told(0, 2, &[A]),
        A.completes().is_told(1, 1, &[B]),
        A.completes().is_told(1, 1, &[B]),
        scrape_finds(1, 1, 1),
        A.stops().is_told(0, 1, &[]),
        A.stops().is_told(0, 1, &[]),
        scrape_finds(0, 1, 1),
    ]);
}
