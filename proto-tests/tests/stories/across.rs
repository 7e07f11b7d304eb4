//! What makes a peer itself, and what it shares across transports, families and torrents.

use proto_tests::namespace::Namespace;
use proto_tests::story::{HTTP4, HTTP6, Step, UDP4, UDP6, scrape_finds, tell};
use proto_tests::tracker::Tracker;
use tracker_client::{Announce, Family};

use crate::{A, B, C, CONFIGURATION, in_every_way, trackers};

/// Tells a story whose steps know their own ways to every store.
#[track_caller]
fn across(steps: &[Step]) {
    for tracker in trackers().iter() {
        tell(tracker, UDP4, steps);
    }
}

/// Clients change names and keys, some at every request; one socket must not become many peers.
#[test]
fn a_peer_is_where_it_is_and_not_what_it_is_called() {
    in_every_way(&[
        A.leeches().named(*b"-XX0001-aaaaaaaaaaaa", 1).is_told(0, 1, &[]),
        A.leeches().named(*b"-YY0002-bbbbbbbbbbbb", 2).is_told(0, 1, &[]),
        B.leeches().named(*b"-YY0002-bbbbbbbbbbbb", 2).is_told(0, 2, &[A]),
        A.seeds().named([0; 20], 3).is_told(1, 1, &[B]),
        A.stops().named([0xff; 20], 4).is_told(0, 1, &[]),
    ]);
}

fn neighbours() -> [Step; 4] {
    [
        A.on_host(2).leeches().is_told(0, 1, &[]),
        A.on_host(3).leeches().is_told(0, 2, &[A.on_host(2)]),
        A.on_host(2).stops().is_told(0, 1, &[]),
        scrape_finds(0, 0, 1),
    ]
}

#[test]
fn the_same_port_of_two_ipv4_hosts_is_two_peers() {
    for tracker in trackers().iter() {
        for way in [UDP4, HTTP4] {
            tell(tracker, way, &neighbours());
        }
    }
}

/// Needs root: an ordinary loopback interface has one IPv6 address only.
#[test]
fn the_same_port_of_two_ipv6_hosts_is_two_peers() {
    let namespace = Namespace::new("neighbours");
    for host in [2, 3] {
        namespace.ip(&format!("address add {}/128 dev lo nodad", A.on_host(host).host(UDP6.family)));
    }
    namespace.run(|| {
        let tracker = Tracker::start(CONFIGURATION);
        for way in [UDP6, HTTP6] {
            tell(&tracker, way, &neighbours());
        }
    });
}

#[test]
fn udp_and_http_share_one_swarm() {
    for (here, there) in [(UDP4, HTTP4), (HTTP4, UDP4), (UDP6, HTTP6), (HTTP6, UDP6)] {
        across(&[
            A.leeches().is_told(0, 1, &[]).over(here),
            B.seeds().is_told(1, 1, &[A]).over(there),
            C.leeches().is_told(1, 2, &[A, B]).over(here),
            A.completes().is_told(2, 1, &[C]).over(there),
            scrape_finds(2, 1, 1).over(here),
            scrape_finds(2, 1, 1).over(there),
        ]);
    }
}

#[test]
fn one_client_over_both_transports_is_one_peer() {
    for (here, there) in [(UDP4, HTTP4), (HTTP6, UDP6)] {
        across(&[
            A.leeches().is_told(0, 1, &[]).over(here),
            A.leeches().is_told(0, 1, &[]).over(there),
            B.leeches().is_told(0, 2, &[A]).over(here),
            A.completes().is_told(1, 1, &[B]).over(here),
            A.completes().is_told(1, 1, &[B]).over(there),
            scrape_finds(1, 1, 1).over(there),
            A.stops().is_told(0, 1, &[]).over(there),
            scrape_finds(0, 1, 1).over(here),
        ]);
    }
}

/// BEP 7: a client of two families announces to each; one sum would count it twice. A download is the torrent's.
#[test]
fn families_are_swarms_of_their_own() {
    across(&[
        A.seeds().is_told(1, 0, &[]).over(UDP4),
        scrape_finds(0, 0, 0).over(UDP6),
        A.leeches().is_told(0, 1, &[]).over(UDP6),
        scrape_finds(1, 0, 0).over(UDP4),
        scrape_finds(1, 0, 0).over(HTTP4),
        B.leeches().is_told(0, 2, &[A]).over(UDP6),
        B.leeches().is_told(1, 1, &[A]).over(UDP4),
        B.completes().is_told(1, 1, &[A]).over(UDP6),
        // Completed in one family, told in both.
        scrape_finds(1, 1, 1).over(UDP6),
        scrape_finds(1, 1, 1).over(UDP4),
        B.stops().is_told(0, 1, &[]).over(UDP6),
        scrape_finds(1, 1, 1).over(HTTP4),
        scrape_finds(0, 1, 1).over(HTTP6),
    ]);
}

/// BEP 7: a reply over HTTP has room for both families, and its reader can use both.
#[test]
fn http_tells_of_both_families() {
    for (here, there) in [(HTTP4, HTTP6), (HTTP6, HTTP4)] {
        across(&[
            A.seeds().is_told(1, 0, &[]).over(here),
            B.leeches().is_told(0, 1, &[]).and_abroad(&[A]).over(there),
            C.leeches().is_told(1, 1, &[A]).and_abroad(&[B]).over(here),
            // A seeder is offered leechers, wherever they are.
            A.seeds().is_told(1, 1, &[C]).and_abroad(&[B]).over(here),
            A.seeds().is_told(1, 1, &[B]).and_abroad(&[C]).over(there),
            B.pauses().is_told(1, 1, &[]).and_abroad(&[C]).over(there),
            // Its own address in the other family is somebody else to the tracker.
            C.leeches().is_told(1, 2, &[A, B]).and_abroad(&[A, C]).over(there),
            C.stops().is_told(1, 1, &[]).over(there),
        ]);
    }
}

/// Of what is wanted, half and the odd one are the requester's family's; room that one family leaves is the other's.
#[test]
fn http_shares_its_room_between_the_families() {
    for tracker in trackers().iter() {
        for (here, there) in [(HTTP4, HTTP6), (HTTP6, HTTP4)] {
            let info_hash: [u8; 20] = rand::random();
            let [mut here, mut there] = [here, there].map(|way| (way.teller(tracker, A.host(way.family)), way.family));
            (2001..=2004).for_each(|port| drop(here.0.announce(&Announce::new(info_hash, port)).unwrap()));
            (3001..=3008).for_each(|port| drop(there.0.announce(&Announce::new(info_hash, port)).unwrap()));
            let mut shares = |want| {
                let announced = here.0.announce(&Announce::new(info_hash, 2001).num_want(want)).unwrap();
                let own = announced.peers.iter().filter(|peer| Family::of(peer.ip()) == here.1).count();
                (own, announced.peers.len() - own)
            };
            assert_eq!([0, 1, 2, 3, 5].map(&mut shares), [(0, 0), (1, 0), (1, 1), (2, 1), (3, 2)]);
            assert_eq!([6, 8, 11, 50].map(&mut shares), [(3, 3), (3, 5), (3, 8), (3, 8)]);
        }
    }
}

/// BEP 52: the client of a hybrid torrent announces both its info hashes, the second cut to 20 bytes.
#[test]
fn torrents_are_never_merged() {
    in_every_way(&[
        A.leeches().is_told(0, 1, &[]),
        A.seeds().is_told(1, 0, &[]).of_the_other_torrent(),
        B.leeches().is_told(0, 2, &[A]),
        C.leeches().is_told(1, 1, &[A]).of_the_other_torrent(),
        A.stops().is_told(0, 1, &[]),
        scrape_finds(0, 0, 1),
        scrape_finds(1, 0, 1).of_the_other_torrent(),
    ]);
}
