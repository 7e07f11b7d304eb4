//! Real clients find each other through the tracker, and through nothing else, and move a file.
//!
//! Needs root, iproute2, aria2 and Transmission: without one of them these tests fail, they do not skip. Over UDP
//! there is IPv4 alone, because neither of these clients can ask a UDP tracker over IPv6.

mod client;
mod network;
mod torrent;
mod transport;

use std::time::Duration;

use client::Client;
use client::Program::{self, Aria2, Transmission};
use network::Network;
use proto_tests::tracker::Tracker;
use proto_tests::wait_for;
use torrent::Torrent;
use tracker_client::Family::{self, V4, V6};
use transport::Transport::{self, Http, Udp};

#[test]
fn aria2_seeds_to_transmission_over_http4() {
    transfer(Aria2, Transmission, Http, V4);
}

#[test]
fn transmission_seeds_to_aria2_over_http4() {
    transfer(Transmission, Aria2, Http, V4);
}

#[test]
fn aria2_seeds_to_transmission_over_http6() {
    transfer(Aria2, Transmission, Http, V6);
}

#[test]
fn transmission_seeds_to_aria2_over_http6() {
    transfer(Transmission, Aria2, Http, V6);
}

#[test]
fn aria2_seeds_to_transmission_over_udp4() {
    transfer(Aria2, Transmission, Udp, V4);
}

#[test]
fn transmission_seeds_to_aria2_over_udp4() {
    transfer(Transmission, Aria2, Udp, V4);
}

/// The life of a small swarm, with the tracker's counts at every step.
fn transfer(seeder: Program, downloader: Program, transport: Transport, family: Family) {
    let network = Network::new();
    let mut tracker = network.tracker.run(|| Tracker::start(CONFIGURATION));
    let address = network.tracker_address(family, PORT);
    let torrent = Torrent::random(&transport.announce_url(address));
    assert!(tracker.urls().contains(&torrent.announce), "the tracker does not tell of {}", torrent.announce);

    let counted = |seeders, leechers, completed| {
        let wanted = (seeders, leechers, completed);
        wait_for(&format!("(seeders, leechers, completed) to be {wanted:?}"), PATIENCE, || {
            let now = network.tracker.run(|| transport.scrape(address, torrent.info_hash));
            let now = (now.seeders, now.leechers, now.completed);
            if now == wanted { Ok(()) } else { Err(format!("they are {now:?}")) }
        });
    };

    // Clients ask again only minutes later, so the seeder must be known before the downloader asks.
    network.narrow();
    let mut seeder = Client::seed(seeder, &network.seeder, &torrent);
    counted(1, 0, 0);

    let mut downloader = Client::download(downloader, &network.downloader, &torrent);
    counted(1, 1, 0);
    network.widen();

    counted(2, 0, 1);
    downloader.leave();
    counted(1, 0, 1);
    seeder.leave();
    counted(0, 0, 1);

    downloader.end();
    seeder.end();
    assert!(downloader.data() == torrent.data, "the file differs from the one seeded");
    assert!(tracker.stop().success(), "the tracker failed");
}

const PORT: u16 = 6969;

/// The addresses a tracker has by default. The intervals outlast the test: no peer is forgotten before it leaves.
const CONFIGURATION: &str = r#"
[server]
workers = 2
[udp]
listen = ["0.0.0.0:6969", "[::]:6969"]
[http]
listen = ["0.0.0.0:6969", "[::]:6969"]
"#;

/// For one step: clients unchoke each other every ten seconds, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(40);
