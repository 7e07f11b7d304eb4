//! Trackers that share one Redis, and what is left in it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proto_tests::redis::{Cluster, Redis};
use proto_tests::tracker::Tracker;
use proto_tests::wait_for;
use tracker_client::{Announce, Event, Family, http, udp};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);

/// A tracker on free ports, whose peers live for three seconds if they are `brief`.
fn tracker(urls: &[String], brief: bool) -> Tracker {
    let times = "announce_interval = \"2s\"\nmin_announce_interval = \"1s\"\npeer_lifetime = \"3s\"\n";
    let times = if brief { times } else { "" };
    Tracker::start(&format!(
        "[tracker]\n{times}\n[udp]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = [\"127.0.0.1:0\"]\n\
         [storage]\ndriver = \"redis\"\n[storage.redis]\nurls = {urls:?}\ntimeout = \"5s\"\n"
    ))
}

fn udp(tracker: &Tracker) -> udp::Client {
    udp::Client::new(LOCALHOST, tracker.udp(Family::V4), PATIENCE).unwrap()
}

fn http(tracker: &Tracker) -> http::Client {
    http::Client::new(LOCALHOST, tracker.http(Family::V4), PATIENCE)
}

fn leecher(info_hash: u8, port: u16) -> Announce {
    Announce { event: Event::Started, ..Announce::new([info_hash; 20], port) }
}

/// What is announced by UDP at one tracker is returned by HTTP at the other, on the next request.
fn share(urls: &[String]) {
    let trackers = [tracker(urls, false), tracker(urls, false)];
    let (mut udp, mut http) = (udp(&trackers[0]), http(&trackers[1]));
    for torrent in 0..20 {
        udp.announce(&leecher(torrent, 1_000)).unwrap();
        let told = http.announce("/announce", &leecher(torrent, 2_000)).unwrap();
        assert_eq!(told.peers, ["127.0.0.1:1000".parse().unwrap()]);
        assert_eq!((told.seeders, told.leechers), (0, 2));
        let told = udp.announce(&Announce { left: 0, event: Event::Completed, ..leecher(torrent, 1_000) }).unwrap();
        assert_eq!(told.peers, ["127.0.0.1:2000".parse().unwrap()]);
        let scraped = http.scrape("/scrape", &[[torrent; 20]]).unwrap();
        assert_eq!((scraped[0].seeders, scraped[0].leechers, scraped[0].completed), (1, 1, 1));
    }
}

#[test]
fn a_peer_of_one_tracker_is_returned_by_the_other_at_once() {
    let redis = Redis::start();
    share(&[redis.url()]);
    assert_eq!(redis.keys(), 40);
}

#[test]
fn trackers_share_a_cluster() {
    let cluster = Cluster::start();
    // One node is enough to know the Cluster by; it has less than half of the torrents.
    share(&cluster.urls()[..1]);
    assert_eq!(cluster.keys().iter().sum::<u64>(), 40);
    assert!(cluster.keys().iter().all(|&keys| keys > 0));
}

#[test]
fn keys_expire_by_themselves() {
    let redis = Redis::start();
    let tracker = tracker(&[redis.url()], true);
    let mut client = udp(&tracker);
    for torrent in 0..10 {
        client.announce(&Announce { left: 0, event: Event::Completed, ..leecher(torrent, 1_000) }).unwrap();
        client.announce(&leecher(torrent, 2_000)).unwrap();
    }
    assert_eq!(redis.keys(), 20);
    drop(tracker);
    let left = |most| move |keys: u64| if keys <= most { Ok(()) } else { Err(format!("{keys} keys are left")) };
    // A swarm goes with its last peer; how often it was downloaded is known for a lifetime more.
    wait_for("the swarms to go", Duration::from_secs(5), || left(10)(redis.keys()));
    assert_eq!(redis.keys(), 10);
    wait_for("the counts to go", Duration::from_secs(5), || left(0)(redis.keys()));
}

#[test]
fn a_stop_and_a_scrape_leave_no_key() {
    let redis = Redis::start();
    let tracker = tracker(&[redis.url()], false);
    let mut client = udp(&tracker);
    client.announce(&Announce { event: Event::Stopped, ..leecher(1, 1_000) }).unwrap();
    client.scrape(&[[2; 20]]).unwrap();
    assert_eq!(redis.keys(), 0);
    client.announce(&leecher(3, 1_000)).unwrap();
    assert_eq!(redis.keys(), 1);
    client.announce(&Announce { event: Event::Stopped, ..leecher(3, 1_000) }).unwrap();
    assert_eq!(redis.keys(), 0);
}
