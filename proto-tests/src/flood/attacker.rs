//! One who invents torrents, from one address or from very many.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tracker_client::udp::{Envelope, packet};
use tracker_client::{Announce, Family};

use super::Plan;
use super::wildcard::Wildcard;
use crate::tracker::Tracker;

/// Sources, and how far they are.
pub(super) struct Attacker {
    wildcard: Wildcard,
    /// The connection ids of the sources; nothing yet where it is 0.
    ids: Vec<u64>,
    twice: bool,
    sent: u64,
    answered: u64,
    invented: u64,
}

impl Attacker {
    /// Has an id issued to each source.
    pub(super) fn new(tracker: &Tracker, plan: Plan) -> Self {
        let wildcard = Wildcard::new(tracker.udp(Family::V4));
        let ids = vec![0; plan.sources as usize];
        let mut attacker = Self { wildcard, ids, twice: plan.twice, sent: 0, answered: 0, invented: 0 };
        attacker.connect();
        attacker
    }

    fn connect(&mut self) {
        let deadline = Instant::now() + CONNECTS;
        let mut missing: Vec<u32> = (0..).take(self.ids.len()).collect();
        while !missing.is_empty() {
            assert!(Instant::now() < deadline, "{} sources have been issued no id", missing.len());
            for sources in missing.chunks(BURST) {
                sources.iter().for_each(|&source| self.wildcard.send(address(source), &packet::connect(source)));
                let answered = self.answered + sources.len() as u64;
                let patience = Instant::now() + LOST;
                while self.answered < answered && Instant::now() < patience {
                    self.receive();
                }
            }
            missing.retain(|&source| self.ids[source as usize] == 0);
        }
        (self.sent, self.answered) = (0, 0);
    }

    /// Announces invented torrents as fast as the tracker answers, until `stop` holds true.
    pub(super) fn flood(&mut self, stop: &AtomicBool) {
        let (mut lost, mut heard) = (0, Instant::now());
        while !stop.load(Ordering::Relaxed) {
            let under_way = self.sent - self.answered - lost;
            if under_way < WINDOW {
                (0..BURST).for_each(|_| self.invent());
            }
            if self.receive() > 0 {
                heard = Instant::now();
                lost = lost.min(self.sent - self.answered);
            } else if heard.elapsed() > LOST {
                lost = self.sent - self.answered;
            } else if under_way >= WINDOW {
                thread::sleep(Duration::from_micros(50));
            }
        }
    }

    fn invent(&mut self) {
        let again = self.twice && self.sent % 2 == 1;
        let number = if again { self.invented - 1 } else { self.invented };
        self.invented = number + 1;
        let sources = self.ids.len() as u64;
        let source = usize::try_from(number % sources).expect("a few");
        // As many ports as there are, so that a limit of one torrent's alone does not matter.
        let port = u16::try_from(number / sources % 65_535).expect("below 65,535") + 1;
        let announce = Announce::new(info_hash(number), port).num_want(0);
        let source_number = u32::try_from(source).expect("a few");
        let request = packet::announce(self.ids[source], TO_AN_ANNOUNCE | source_number, &announce, &[]);
        self.wildcard.send(address(source_number), &request);
        self.sent += 1;
    }

    /// Takes in what has come. Returns how much that was.
    fn receive(&mut self) -> usize {
        let mut buffer = [0; 256];
        let mut received = 0;
        while received < 4 * BURST
            && let Some(datagram) = self.wildcard.receive(&mut buffer)
        {
            received += 1;
            let reply = Envelope::read(datagram).expect("a reply");
            match reply.action {
                0 => self.ids[reply.transaction as usize] = reply.connection_id().expect("a connect's reply"),
                1 => {}
                _ => panic!("an error: {}", reply.body.escape_ascii()),
            }
            self.answered += 1;
        }
        received
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered
    }

    /// Torrents it has made up so far.
    pub(super) fn invented(&self) -> u64 {
        self.invented
    }
}

/// The info hash of an invented torrent.
pub(super) fn info_hash(number: u64) -> [u8; 20] {
    let mut hash = *b"an invented torrent!";
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

/// 127.64.0.1 and those behind it.
fn address(source: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 64, 0, 1)) + source)
}

/// Announces under way.
const WINDOW: u64 = 1_024;

const BURST: usize = 64;

/// What has not been answered for so long will not be.
const LOST: Duration = Duration::from_millis(100);

const CONNECTS: Duration = Duration::from_secs(60);

/// In transaction ids, which otherwise tell the source.
const TO_AN_ANNOUNCE: u32 = 1 << 31;
