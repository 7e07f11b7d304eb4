//! What goes wrong in Redis, or with it: only what must fail fails, and it comes back.

use std::sync::Arc;
use std::time::Duration;

use chihaya::bittorrent::{Endpoint, InfoHash};
use chihaya::clock::{Clock, Now};
use chihaya::storage::{
    Announce, Answer, Batch, Change, Driver, Environment, Reply, Role, Scrape, Settings, Storage, Want,
};
use proto_tests::redis::{BareRedis, Cluster, Redis, settings};
use proto_tests::wait_for;
use rustix::process::Signal;
use tokio::runtime::{Builder, Runtime};

/// The store, and a worker's runtime.
struct Client {
    store: Arc<dyn Storage>,
    runtime: Runtime,
}

impl Client {
    fn new(settings: &Settings) -> Self {
        let environment = Environment::new(Duration::from_secs(3_000), [0; 16], Clock::start());
        let store = BareRedis.open(settings, environment).expect("it opens whether or not there is a server");
        Self { store, runtime: Builder::new_current_thread().enable_all().build().unwrap() }
    }

    /// Has one downloader announce itself in each of these torrents, in one batch. Says which were answered.
    fn announce(&self, torrents: &[u8]) -> Vec<bool> {
        let mut batch = Batch::default();
        for &torrent in torrents {
            batch.push(Announce {
                info_hash: InfoHash([torrent; 20]),
                peer: Endpoint::V4([192, 0, 2, 1, 0, 1]),
                change: Change::Present { role: Role::Downloader, completed: false },
                want: Want { peers: 50, both_families: true },
            });
        }
        self.ask(batch).entries.iter().map(|entry| matches!(entry.reply, Reply::Announce { .. })).collect()
    }

    fn ask(&self, batch: Batch) -> Batch {
        match self.store.apply(Now(0), batch) {
            Answer::Pending(batch) => self.runtime.block_on(batch),
            Answer::Ready(_) => unreachable!("Redis is never answered for at once"),
        }
    }
}

/// A time-out that is waited for on purpose.
fn impatient(redis: &Redis) -> Settings {
    let mut settings = settings(&[redis.url()]);
    settings.0.insert("timeout".into(), "100ms".into());
    settings
}

fn key(torrent: u8, suffix: &str) -> String {
    format!("chihaya:{{{}}}:{suffix}", format!("{torrent:02x}").repeat(20))
}

#[test]
fn a_server_without_memory_left_stores_nothing_and_says_so() {
    let redis = Redis::start();
    let client = Client::new(&settings(&[redis.url()]));
    assert_eq!(client.announce(&[1]), [true]);
    redis.cli(&["config", "set", "maxmemory", "1"]).unwrap();
    assert_eq!(client.announce(&[1, 2, 3]), [false; 3]);
    assert_eq!(redis.keys(), 1);
    redis.cli(&["config", "set", "maxmemory", "0"]).unwrap();
    assert_eq!(client.announce(&[1, 2]), [true; 2]);
}

#[test]
fn a_key_of_another_kind_fails_its_own_torrents_requests_alone() {
    let redis = Redis::start();
    let client = Client::new(&settings(&[redis.url()]));
    redis.cli(&["SET", &key(1, "v4"), "not ours"]).unwrap();
    redis.cli(&["RPUSH", &key(2, "completed"), "not ours"]).unwrap();
    redis.cli(&["SET", &key(3, "completed"), "not a number"]).unwrap();
    assert_eq!(client.announce(&[0, 1, 2, 3, 4, 0]), [true, false, false, false, true, true]);
    assert_eq!(redis.cli(&["GET", &key(1, "v4")]).unwrap(), "not ours");
    assert_eq!(redis.cli(&["EXISTS", &key(2, "v4")]).unwrap(), "0", "what has failed has changed nothing");
    redis.cli(&["DEL", &key(1, "v4")]).unwrap();
    assert_eq!(client.announce(&[0, 1, 4]), [true, true, true]);
}

#[test]
fn scripts_that_a_server_has_lost_are_loaded_again() {
    let redis = Redis::start();
    let client = Client::new(&settings(&[redis.url()]));
    assert_eq!(client.announce(&[1]), [true]);
    redis.cli(&["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(client.announce(&[1, 2, 1]), [true; 3]);
    assert_eq!(redis.keys(), 2);
}

#[test]
fn a_node_that_has_lost_its_scripts_is_given_them_again() {
    let cluster = Cluster::start();
    let client = Client::new(&settings(&cluster.urls()));
    let torrents: Vec<_> = (0..40).collect();
    assert_eq!(client.announce(&torrents), [true; 40]);
    cluster.nodes[1].cli(&["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(client.announce(&torrents), [true; 40]);
}

#[test]
fn a_server_that_comes_later_is_found() {
    let mut redis = Redis::start();
    redis.kill();
    let client = Client::new(&settings(&[redis.url()]));
    assert_eq!(client.announce(&[1, 2]), [false, false]);
    redis.restart();
    assert_eq!(client.announce(&[1, 2]), [true, true]);
}

#[test]
fn a_server_that_was_restarted_is_asked_again_at_once() {
    let mut redis = Redis::start();
    let client = Client::new(&settings(&[redis.url()]));
    assert_eq!(client.announce(&[1]), [true]);
    redis.kill();
    redis.restart();
    assert_eq!(client.announce(&[1, 2]), [true, true]);
    assert_eq!(redis.keys(), 2);
}

#[test]
fn a_server_that_hangs_fails_in_time_and_is_back_when_it_goes_on() {
    let mut redis = Redis::start();
    let client = Client::new(&impatient(&redis));
    wait_for("the first answer", Duration::from_secs(10), || {
        if client.announce(&[1]) == [true] { Ok(()) } else { Err("none yet") }
    });
    redis.signal(Signal::STOP);
    for _ in 0..3 {
        assert_eq!(client.announce(&[1, 2]), [false, false]);
    }
    redis.signal(Signal::CONT);
    wait_for("an answer", Duration::from_secs(10), || {
        if client.announce(&[1, 2]) == [true, true] { Ok(()) } else { Err("none yet") }
    });
}

#[test]
fn a_node_of_a_cluster_that_is_gone_fails_its_own_torrents_alone() {
    let mut cluster = Cluster::start();
    // The others are to serve what is theirs, all the same.
    for node in &cluster.nodes {
        node.cli(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]).unwrap();
    }
    let client = Client::new(&settings(&cluster.urls()));
    let torrents: Vec<_> = (0..40).collect();
    assert_eq!(client.announce(&torrents), [true; 40]);
    cluster.nodes[2].kill();
    wait_for("the others to answer", Duration::from_secs(20), || {
        let answered = client.announce(&torrents).iter().filter(|&&answered| answered).count();
        if answered > 10 && answered < 40 { Ok(()) } else { Err(format!("{answered} of 40 are answered")) }
    });
}

#[test]
fn a_scrape_sees_what_an_announce_has_done() {
    let redis = Redis::start();
    let client = Client::new(&settings(&[redis.url()]));
    let mut batch = Batch::default();
    let family = chihaya::bittorrent::Family::V4;
    let info_hash = InfoHash([1; 20]);
    let change = Change::Present { role: Role::Seeder, completed: true };
    batch.push(Announce { info_hash, peer: Endpoint::V4([192, 0, 2, 1, 0, 1]), change, want: Want::default() });
    batch.push(Scrape { info_hash, family });
    let answered = client.ask(batch);
    let Reply::Scrape { counts } = answered.entries[1].reply else { panic!("{answered:?}") };
    assert_eq!((counts.seeders, counts.leechers, counts.completed), (1, 0, 1));
}
