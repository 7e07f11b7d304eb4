//! Stories of a few peers of one torrent, over both transports and families, answer by answer beside the model.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chihaya::bittorrent::{Endpoint, Family as Own, InfoHash};
use chihaya::storage::conformance::{Expected, Model, Rules};
use chihaya::storage::{Announce as Asked, Change, Role, Want};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracker_client::{Announce, Event, Family, http, udp};

use crate::tracker::Tracker;

/// Tells stories until `stop` holds true. Returns how many, and the requests in them.
///
/// # Panics
/// At the first answer that is not the model's.
pub(super) fn tell_until(tracker: &Tracker, stop: &AtomicBool) -> (u64, u64) {
    let mut rng = SmallRng::seed_from_u64(8);
    let mut told = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        told = (told.0 + 1, told.1 + tell(tracker, &mut rng));
    }
    told
}

/// One story; it ends before any of its peers may be forgotten.
fn tell(tracker: &Tracker, rng: &mut SmallRng) -> u64 {
    let torrent = rng.random();
    let mut model = Model::new(Rules::of_any(LIFETIME.as_secs()));
    let hosts =
        [IpAddr::V4(Ipv4Addr::new(127, 4, 0, 1)), Ipv4Addr::new(127, 4, 0, 2).into(), Ipv6Addr::LOCALHOST.into()];
    let mut over_udp = hosts
        .map(|host| udp::Client::new(host, tracker.udp(Family::of(host)), PATIENCE).expect("a socket can be bound"));
    let mut over_http = hosts.map(|host| http::Client::new(host, tracker.http(Family::of(host)), PATIENCE));
    let begun = Instant::now();
    let mut requests = 0;
    while requests < 40 && begun.elapsed() < LIFETIME / 2 {
        requests += 1;
        let (host, by_http) = (rng.random_range(0..hosts.len()), rng.random_ratio(1, 4));
        let event = [Event::None, Event::Completed, Event::Stopped, Event::Paused][rng.random_range(0..4)];
        let announce = Announce::new(torrent, rng.random_range(1..6))
            .left(rng.random_range(0..2))
            .event(event)
            .num_want(rng.random_range(0..12));
        let answer =
            if by_http { over_http[host].announce("/announce", &announce) } else { over_udp[host].announce(&announce) };
        let answer = answer.unwrap_or_else(|failure| panic!("no answer to {announce:?}: {failure}"));
        let expected = model.apply(0, &asked(&announce, hosts[host], by_http).into());
        let Expected::Announce { counts, on_offer, number } = expected else { panic!("an announce is none") };
        assert_eq!((answer.seeders, answer.leechers), (counts.seeders, counts.leechers), "{announce:?} of {host}");
        for family in Own::BOTH {
            let peers = answer.peers.iter().map(|peer| Endpoint::new(peer.ip(), peer.port()));
            let peers: Vec<_> = peers.filter(|peer| peer.family() == family).collect();
            let distinct: BTreeSet<_> = peers.iter().copied().collect();
            assert_eq!((peers.len(), distinct.len()), (number[family], number[family]), "{announce:?} of {host}");
            assert!(distinct.is_subset(&on_offer[family]), "{peers:?} for {announce:?} of {host}");
        }
    }
    requests
}

/// What an announce asks of the store (BEP 3, BEP 15, BEP 21).
fn asked(announce: &Announce, host: IpAddr, by_http: bool) -> Asked {
    let role = match (announce.left, announce.event) {
        (0, _) => Role::Seeder,
        (_, Event::Paused) => Role::PartialSeed,
        _ => Role::Downloader,
    };
    let wanted = announce.num_want.and_then(|number| u32::try_from(number).ok()).expect("a story says how many");
    let (change, peers) = match announce.event {
        Event::Stopped => (Change::Absent, 0),
        event => (Change::Present { role, completed: event == Event::Completed }, wanted),
    };
    let want = Want { peers, both_families: by_http };
    Asked { info_hash: InfoHash(announce.info_hash), peer: Endpoint::new(host, announce.port), change, want }
}

/// What the tracker is configured with.
const LIFETIME: Duration = Duration::from_secs(4);

const PATIENCE: Duration = Duration::from_secs(10);
