//! Several workers are one tracker.

use proto_tests::failing::FAILS;
use tracker_client::udp::{Reply, decode, packet};
use tracker_client::{Announce, Failure, Family, RetryIn};

use super::*;

/// Every worker takes part of the clients, and each answers from the one store by the one secret.
#[track_caller]
fn assert_one_tracker(workers: usize) {
    let tracker = Tracker::start(&format!("{ANYWHERE}server.workers = {workers}"));
    let idle = wakings(&tracker);
    assert_eq!(idle.len(), workers);
    let (udp, http) = (tracker.udp(Family::V4), tracker.http(Family::V4));
    // Fetched once, by one worker; used from ports that are dealt to all of them.
    let connection_id = udp_client(udp).connect().unwrap();
    for client in 1..=CLIENTS {
        let announce = packet::announce(connection_id, client.into(), &Announce::new([1; 20], client), &[]);
        let reply = udp_client(udp).exchange(&announce).unwrap();
        let Ok(Reply::Announce { transaction, leechers, .. }) = decode(&reply, Family::V4) else { panic!("{reply:?}") };
        assert_eq!((transaction, leechers), (client.into(), client.into()));
    }
    for (worker, (before, after)) in idle.iter().zip(wakings(&tracker)).enumerate() {
        assert!(*before < after, "worker {worker} has not had one of {CLIENTS} clients");
    }
    for client in CLIENTS + 1..=CLIENTS + CLIENTS {
        let announced = http_client(http).announce("/announce", &Announce::new([1; 20], client)).unwrap();
        assert_eq!(announced.leechers, u32::from(client));
    }
    let everyone = u32::from(CLIENTS + CLIENTS);
    assert_eq!(udp_client(udp).scrape(&[[1; 20]]).unwrap()[0].leechers, everyone);
    assert_eq!(http_client(http).scrape("/scrape", &[[1; 20]]).unwrap()[0].leechers, everyone);
}

/// How often each worker has woken up: it sleeps until there is something to do.
fn wakings(tracker: &Tracker) -> Vec<u64> {
    let threads = fs::read_dir(format!("/proc/{}/task", tracker.pid())).unwrap();
    let mut workers: Vec<_> = threads.filter_map(|thread| waking(&thread.unwrap().path())).collect();
    workers.sort_unstable();
    workers.into_iter().map(|(_, wakings)| wakings).collect()
}

/// A worker's name and how often it has woken up (proc(5), `voluntary_ctxt_switches`).
fn waking(thread: &Path) -> Option<(String, u64)> {
    let status = fs::read_to_string(thread.join("status")).unwrap();
    let value = |key: &str| status.lines().find_map(|line| Some(line.strip_prefix(key)?.trim().to_owned()));
    let name = value("Name:")?;
    let switches = value("voluntary_ctxt_switches:")?;
    name.starts_with("worker-").then(|| (name, switches.parse().unwrap()))
}

/// Enough that a worker the kernel deals to goes without only once in millions of runs.
const CLIENTS: u16 = 100;

#[test]
fn two_workers_are_one_tracker() {
    assert_one_tracker(2);
}

#[test]
fn four_workers_are_one_tracker() {
    assert_one_tracker(4);
}

#[test]
fn a_store_that_fails_at_one_torrent_serves_the_others() {
    let tracker = start_with_driver("failing", "server.workers = 2");
    let (mut udp, mut http) = (udp_client(tracker.udp(Family::V4)), http_client(tracker.http(Family::V4)));
    let (failing, sound) = (Announce::new(FAILS.0, 6881), Announce::new([1; 20], 6881));
    let refused = |retry_in| Failure::Rejected { reason: "tracker overloaded, try again later".into(), retry_in };
    for _ in 0..3 {
        assert_eq!(udp.announce(&failing).unwrap_err(), refused(None));
        assert_eq!(udp.scrape(&[FAILS.0]).unwrap_err(), refused(None));
        assert_eq!(udp.announce(&sound).unwrap().leechers, 1);
        let told = http.announce("/announce", &failing).unwrap_err();
        assert!(matches!(told, Failure::Rejected { retry_in: Some(RetryIn::Minutes(_)), .. }), "{told:?}");
        let Failure::Rejected { retry_in, .. } = told.clone() else { unreachable!() };
        assert_eq!(told, refused(retry_in));
        assert_eq!(http.scrape("/scrape", &[FAILS.0]).unwrap_err(), refused(retry_in));
        assert_eq!(http.announce("/announce", &sound).unwrap().leechers, 1);
    }
}
