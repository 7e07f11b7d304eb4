//! With a store that hangs, fails and comes back behind a fallback: everyone is answered in time.

use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

use proto_tests::tracker::Tracker;
use tracker_client::udp::{Reply, decode, packet};
use tracker_client::{Announce, Family};

use super::stop::assert_stops;
use super::*;

/// The driver's time-out in this program, and a margin for a busy machine.
const IN_TIME: Duration = Duration::from_millis(250 + 250);

/// A tracker whose store does what a file says.
struct Trial {
    tracker: Tracker,
    orders: Files,
}

impl Trial {
    fn start() -> Self {
        let orders = Files::with("");
        let path = orders.path("orders");
        fs::write(&path, "well").unwrap();
        let tracker = start_with_driver("wayward", &format!("storage.wayward.orders = {path:?}"));
        Self { tracker, orders }
    }

    fn order(&self, conduct: &str) {
        // A file that is half written would be no order.
        fs::write(self.orders.path("next"), conduct).unwrap();
        fs::rename(self.orders.path("next"), self.orders.path("orders")).unwrap();
    }

    /// Lines of the log that say this.
    fn told(&self, what: &str) -> usize {
        messages(&self.tracker.log()).iter().filter(|message| message.starts_with(what)).count()
    }

    /// Has peers of these ports announce over UDP and over HTTP in turn; each is counted, and answered in time.
    fn announce(&self, ports: std::ops::Range<u16>) {
        let mut udp = udp_client(self.tracker.udp(Family::V4));
        let mut http = http_client(self.tracker.http(Family::V4));
        for port in ports {
            let announce = Announce::new([1; 20], port);
            let asked = Instant::now();
            let told = if port % 2 == 0 { udp.announce(&announce) } else { http.announce("/announce", &announce) };
            let (leechers, taken) = (told.unwrap().leechers, asked.elapsed());
            assert_eq!(leechers, u32::from(port));
            assert!(taken < IN_TIME, "{taken:?}");
        }
    }

    fn wait_until_back(&self, times: usize) {
        let mut client = udp_client(self.tracker.udp(Family::V4));
        wait_for("the store to be in use again", Duration::from_secs(10), || {
            // Requests are what probes it.
            client.scrape(&[[2; 20]]).unwrap();
            (self.told("storage: back after") == times).then_some(()).ok_or("it is not")
        });
    }
}

#[test]
fn answers_keep_coming_and_each_change_is_told_once() {
    let trial = Trial::start();
    trial.announce(1..10);
    assert_eq!(trial.told("storage:"), 0);
    trial.order("hang");
    trial.announce(10..60);
    assert_eq!(trial.told("storage: degraded: no answer within 250ms, 3 times in a row"), 1);
    assert_eq!(trial.told("storage:"), 1);
    trial.order("well");
    trial.wait_until_back(1);
    // What it has missed comes back as peers announce.
    let mut client = udp_client(trial.tracker.udp(Family::V4));
    for port in 1..60 {
        client.announce(&Announce::new([1; 20], port)).unwrap();
    }
    trial.announce(60..70);
    trial.order("fail");
    let mut scrapes = 0;
    wait_for("failures to be noticed", PATIENCE, || {
        scrapes += 1;
        assert_eq!(client.scrape(&[[1; 20]]).unwrap()[0].leechers, 69);
        (trial.told("storage: degraded: it fails") == 1).then_some(()).ok_or("they are not")
    });
    trial.announce(70..90);
    trial.order("well");
    trial.wait_until_back(2);
    assert_eq!((trial.told("storage: degraded"), trial.told("storage:")), (2, 4), "{}", trial.tracker.log());
}

#[test]
fn many_at_once_are_answered_in_time() {
    const CLIENTS: u16 = 100;
    let trial = Trial::start();
    let (udp, http) = (trial.tracker.udp(Family::V4), trial.tracker.http(Family::V4));
    let connection_id = udp_client(udp).connect().unwrap();
    let mut over_http: Vec<_> = (0..CLIENTS).map(|_| http_client(http)).collect();
    over_http.iter_mut().for_each(|client| _ = client.scrape("/scrape", &[[1; 20]]).unwrap());
    trial.order("hang");
    let http = thread::spawn(move || {
        let clients = over_http.into_iter().zip(1..).map(|(mut client, port)| {
            thread::spawn(move || {
                let asked = Instant::now();
                client.announce("/announce", &Announce::new([1; 20], port)).unwrap();
                asked.elapsed()
            })
        });
        let clients: Vec<_> = clients.collect();
        clients.into_iter().map(|client| client.join().unwrap()).max().unwrap()
    });
    let sockets: Vec<_> = (0..CLIENTS).map(|_| UdpSocket::bind((LOCALHOST, 0)).unwrap()).collect();
    let asked = Instant::now();
    for (socket, port) in sockets.iter().zip(1_001..) {
        socket.send_to(&packet::announce(connection_id, 1, &Announce::new([1; 20], port), &[]), udp).unwrap();
    }
    for socket in &sockets {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = [0; 2_000];
        let length = socket.recv(&mut buffer).unwrap();
        assert!(matches!(decode(&buffer[..length], Family::V4), Ok(Reply::Announce { .. })));
    }
    let taken = asked.elapsed();
    assert!(taken < IN_TIME, "{taken:?}");
    let taken = http.join().unwrap();
    assert!(taken < IN_TIME, "{taken:?}");
    assert_eq!(trial.told("storage: degraded"), 1);
}

#[test]
fn a_store_that_hangs_does_not_keep_it() {
    let mut trial = Trial::start();
    trial.order("hang");
    let (udp, http) = (trial.tracker.udp(Family::V4), trial.tracker.http(Family::V4));
    let mut client = udp_client(udp);
    let connection_id = client.connect().unwrap();
    let mut over_http = http_client(http);
    assert_eq!(over_http.get("/nothing").unwrap().status, 404);
    over_http
        .send(format!("GET /scrape?info_hash={} HTTP/1.1\r\nHost: {http}\r\n\r\n", "a".repeat(20)).as_bytes())
        .unwrap();
    let socket = UdpSocket::bind((LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&packet::scrape(connection_id, 1, &[[1; 20]]), udp).unwrap();
    // Both have been read once later ones are answered.
    client.connect().unwrap();
    assert_eq!(http_client(http).get("/nothing").unwrap().status, 404);
    assert_stops(&mut trial.tracker, Tracker::terminate);
    let mut buffer = [0; 2_000];
    let length = socket.recv(&mut buffer).unwrap();
    assert!(matches!(decode(&buffer[..length], Family::V4), Ok(Reply::Scrape { .. })));
    assert_eq!(over_http.read_response(false).unwrap().status, 200);
}
