//! Who asks: clients at a pace of their own or at the tracker's, and somebody who sends garbage.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tracker_client::udp::{Envelope, packet};
use tracker_client::{Announce, Family};

use super::{Load, PATIENCE};
use crate::quota::processor_time;
use crate::tracker::Tracker;

/// Clients of several addresses, each with an id, who announce in turn.
pub(super) struct Clients {
    pid: u32,
    clients: Vec<(UdpSocket, u64)>,
    /// When each announce of the present load was sent, by its number.
    sent: Vec<Instant>,
    /// The transaction id of the first of them.
    first: u32,
    waits: Vec<Duration>,
    packet: Vec<u8>,
}

impl Clients {
    pub(super) fn new(tracker: &Tracker) -> Self {
        let clients = (1..=ADDRESSES).map(|host| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, 5, 0, host), 0)).expect("a socket can be bound");
            socket.connect(tracker.udp(Family::V4)).expect("the loopback leads to the tracker");
            socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
            socket.send(&packet::connect(1)).expect("the loopback takes datagrams");
            let mut buffer = [0; 64];
            let length = socket.recv(&mut buffer).expect("a connect is answered");
            let reply = Envelope::read(&buffer[..length]).expect("a reply");
            socket.set_nonblocking(true).expect("a socket need not block");
            (socket, reply.connection_id().expect("a connect's reply"))
        });
        let clients = clients.collect();
        Self { pid: tracker.pid(), clients, sent: Vec::new(), first: 0, waits: Vec::new(), packet: Vec::new() }
    }

    /// Has so many announces under way that the tracker is never idle.
    pub(super) fn ask_as_answered(&mut self, time: Duration) -> Load {
        let mut heard = (0, Instant::now());
        self.run(time, |answered, sent, _| {
            if answered > heard.0 {
                heard = (answered, Instant::now());
            }
            // Some may be lost all the same.
            let lost = if heard.1.elapsed() > Duration::from_millis(200) { WINDOW } else { 0 };
            (answered + WINDOW + lost).saturating_sub(sent)
        })
    }

    /// Announces so often a second, whatever is answered.
    pub(super) fn ask_at(&mut self, rate: f64, time: Duration) -> Load {
        self.run(time, |_, sent, elapsed| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of announces")]
            let due = (elapsed.as_secs_f64() * rate) as usize;
            due.saturating_sub(sent)
        })
    }

    /// Announces as many as `due` says, given how many were answered and sent; until the time is over.
    fn run(&mut self, time: Duration, mut due: impl FnMut(usize, usize, Duration) -> usize) -> Load {
        // Nothing of the load before comes in any more.
        while self.receive() > 0 || !self.is_quiet() {}
        self.first = self.first.wrapping_add(u32::try_from(self.sent.len()).expect("a load is not for ever"));
        self.sent.clear();
        self.waits.clear();
        let (begun, used) = (Instant::now(), processor_time(self.pid));
        while begun.elapsed() < time {
            let number = due(self.waits.len(), self.sent.len(), begun.elapsed()).min(BURST);
            (0..number).for_each(|_| self.send());
            if self.receive() == 0 && number == 0 {
                thread::sleep(Duration::from_micros(100));
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded")]
        let rate = |number: usize| number as f64 / begun.elapsed().as_secs_f64();
        let (offered, useful) = (rate(self.sent.len()), rate(self.waits.len()));
        let used = (processor_time(self.pid) - used).as_secs_f64() / begun.elapsed().as_secs_f64();
        self.waits.sort_unstable();
        let wait = |hundredths: usize| self.waits.get(self.waits.len() * hundredths / 100).copied().unwrap_or_default();
        Load { offered, useful, used, waits: (wait(50), wait(99)) }
    }

    fn send(&mut self) {
        let number = self.sent.len();
        let (socket, id) = &self.clients[number % self.clients.len()];
        let mut torrent = *b"a torrent of a load!";
        torrent[0] = u8::try_from(number / self.clients.len() % TORRENTS).expect("a few");
        let port = u16::try_from(number % PORTS).expect("a few") + 1;
        let announce = Announce::new(torrent, port).num_want(30);
        let transaction = self.first.wrapping_add(u32::try_from(number).expect("a load is not for ever"));
        self.packet.clear();
        packet::write_announce(&mut self.packet, *id, transaction, &announce, &[]);
        // One that the system does not take is one that the tracker has not answered.
        let _ = socket.send(&self.packet);
        self.sent.push(Instant::now());
    }

    /// Takes in what has come. Returns how much that was.
    fn receive(&mut self) -> usize {
        let mut received = 0;
        let mut buffer = [0; 2_048];
        for (socket, _) in &self.clients {
            for _ in 0..BURST {
                let length = match socket.recv(&mut buffer) {
                    Ok(length) => length,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("cannot receive: {error}"),
                };
                received += 1;
                let reply = Envelope::read(&buffer[..length]).expect("a reply");
                assert_eq!(reply.action, 1, "an error: {}", reply.body.escape_ascii());
                let number = reply.transaction.wrapping_sub(self.first) as usize;
                let wait = self.sent.get(number).map(Instant::elapsed);
                self.waits.extend(wait.filter(|&wait| wait <= PATIENCE));
            }
        }
        received
    }

    /// Whether nothing comes for a while.
    fn is_quiet(&mut self) -> bool {
        thread::sleep(Duration::from_millis(100));
        self.receive() == 0
    }
}

/// Somebody who sends announces and scrapes whose ids are none.
pub(super) struct Garbage {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<f64>,
}

impl Garbage {
    /// So many a second.
    pub(super) fn start(tracker: &Tracker, rate: f64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 6, 0, 1), 0)).expect("a socket can be bound");
        socket.connect(tracker.udp(Family::V4)).expect("the loopback leads to the tracker");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let garbage = packet::announce(7, 7, &Announce::new([7; 20], 7), &[]);
            let (begun, mut sent) = (Instant::now(), 0.0);
            while !stopped.load(Ordering::Relaxed) {
                while sent < begun.elapsed().as_secs_f64() * rate && !stopped.load(Ordering::Relaxed) {
                    let _ = socket.send(&garbage);
                    sent += 1.0;
                }
                thread::sleep(Duration::from_micros(100));
            }
            sent / begun.elapsed().as_secs_f64()
        });
        Self { stop, thread }
    }

    /// Ends it. Returns how many it has sent a second.
    pub(super) fn stop(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("sending does not panic")
    }
}

const ADDRESSES: u8 = 16;

const TORRENTS: usize = 100;

/// A few hundred peers in each torrent.
const PORTS: usize = 4_001;

/// Announces under way at the tracker's own pace: several batches of it.
const WINDOW: usize = 512;

/// Announces sent before it is time to look for answers.
const BURST: usize = 64;
