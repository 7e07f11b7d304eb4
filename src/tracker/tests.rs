use super::*;
use crate::bittorrent::{Endpoint, InfoHash, PeerId};

fn announce(address: &str, port: u16) -> Announce {
    Announce {
        info_hash: InfoHash([1; 20]),
        peer_id: PeerId([2; 20]),
        peer: Endpoint::new(address.parse().unwrap(), port),
        left: 1,
        event: Event::None,
        num_want: None,
    }
}

fn admit(announce: Announce) -> Result<storage::Announce, Rejection> {
    Live::new(Config::default()).admit(&announce, 1_000, false)
}

#[test]
fn port_0_is_refused_unless_the_client_is_leaving() {
    assert_eq!(admit(announce("192.0.2.1", 0)), Err(Rejection::InvalidPort));
    let leaving = Announce { event: Event::Stopped, ..announce("192.0.2.1", 0) };
    assert_eq!(admit(leaving).unwrap().change, Change::Absent);
}

#[test]
fn addresses_that_no_peer_can_have_are_refused() {
    for address in ["0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0"] {
        assert_eq!(admit(announce(address, 1)), Err(Rejection::InvalidAddress), "{address}");
    }
}

#[test]
fn private_peers_are_answered_and_stored_as_the_operator_likes() {
    let open = Live::new(Config { store_private_addresses: false, ..Config::default() });
    for address in ["10.1.2.3", "127.0.0.1", "169.254.0.9", "100.64.0.1", "::1", "fd00::1", "fe80::1"] {
        let stored = admit(announce(address, 1)).unwrap();
        assert_eq!(stored.change, Change::Present { role: Role::Downloader, completed: false }, "{address}");
        let answered = open.admit(&announce(address, 1), 1_000, false).unwrap();
        assert_eq!((answered.change, answered.want.peers), (Change::Unchanged { role: Role::Downloader }, 50));
    }
    let public = open.admit(&announce("192.0.2.1", 1), 1_000, false).unwrap();
    assert!(matches!(public.change, Change::Present { .. }));
}

#[test]
fn num_want_defaults_caps_and_takes_zero_and_one_at_their_word() {
    let peers = |num_want| admit(Announce { num_want, ..announce("192.0.2.1", 1) }).unwrap().want.peers;
    assert_eq!([None, Some(0), Some(1), Some(200), Some(u32::MAX)].map(peers), [50, 0, 1, 200, 200]);
    let small = Live::new(Config::default()).admit(&announce("192.0.2.1", 1), 20, false).unwrap();
    assert_eq!(small.want.peers, 20);
}

#[test]
fn roles_follow_what_is_left_and_the_paused_event() {
    let role_of = |left, event| role(&Announce { left, event, ..announce("192.0.2.1", 1) });
    assert_eq!(role_of(0, Event::None), Role::Seeder);
    assert_eq!(role_of(0, Event::Paused), Role::Seeder);
    assert_eq!(role_of(1, Event::Completed), Role::Downloader);
    assert_eq!(role_of(1, Event::Paused), Role::PartialSeed);
    assert_eq!(role_of(u64::MAX, Event::None), Role::Downloader);
}

#[test]
fn intervals_stay_within_the_jitter() {
    let live = Live::new(Config::default());
    assert_eq!([0, u32::MAX / 2, u32::MAX].map(|random| live.interval_seconds(random)), [1_620, 1_800, 1_980]);
    assert_eq!(live.min_interval_seconds(), 900);
}
