//! The crowds: many peers of many torrents, few of which are large, over UDP from both families.

use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracker_client::udp::packet;
use tracker_client::{Announce, Event, Family};

use crate::source::{BURST, Source};
use crate::tracker::Tracker;

/// Sources in turn, and the peers that announce through them.
pub(super) struct Load {
    sources: Vec<Source>,
    next: usize,
    peers: Vec<Peer>,
    next_peer: usize,
    rng: SmallRng,
}

#[derive(Clone, Copy)]
struct Peer {
    torrent: u32,
    port: u16,
    left: u64,
}

impl Load {
    pub(super) fn new(tracker: &Tracker) -> Self {
        let mut rng = SmallRng::seed_from_u64(9);
        let source = |number: u8| match number % 4 {
            0 => Source::new(std::net::Ipv6Addr::LOCALHOST.into(), tracker.udp(Family::V6)),
            _ => Source::new([127, 3, 0, number].into(), tracker.udp(Family::V4)),
        };
        let peers = (0..PEERS).map(|_| Peer::new(&mut rng)).collect();
        Self { sources: (1..=SOURCES).map(source).collect(), next: 0, peers, next_peer: 0, rng }
    }

    /// Requests a second that are answered when each burst follows the last.
    pub(super) fn peak(&mut self, time: Duration) -> f64 {
        let begun = Instant::now();
        let mut asked = 0;
        while begun.elapsed() < time {
            asked += self.burst().0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded")]
        let asked = asked as f64;
        asked / begun.elapsed().as_secs_f64()
    }

    /// So many requests a second for so long. Returns how many, and how many of them had no answer.
    pub(super) fn run(&mut self, rate: f64, time: Duration) -> (u64, u64) {
        let (begun, mut asked, mut unanswered) = (Instant::now(), 0, 0);
        while begun.elapsed() < time {
            let (sent, lost) = self.burst();
            asked += sent;
            unanswered += lost;
            #[expect(clippy::cast_precision_loss, reason = "a rate is rounded")]
            let due = Duration::from_secs_f64(asked as f64 / rate);
            thread::sleep(due.saturating_sub(begun.elapsed()));
        }
        (asked, unanswered)
    }

    /// One source's burst: a connect at its end, scrapes for some, announces for the rest.
    fn burst(&mut self) -> (u64, u64) {
        self.next = (self.next + 1) % self.sources.len();
        let id = self.sources[self.next].id();
        for transaction in 0..BURST {
            let request = match self.rng.random_range(0..10) {
                0..4 => packet::connect(transaction).to_vec(),
                4 => packet::scrape(id, transaction, &[hash(torrent(&mut self.rng)), hash(torrent(&mut self.rng))]),
                _ => packet::announce(id, transaction, &self.announce(), &[]),
            };
            self.sources[self.next].send(&request);
        }
        let source = &mut self.sources[self.next];
        source.mark();
        let mut answers = 0;
        source.settle(|reply| {
            assert!(!matches!(reply.first_chunk(), Some([0, 0, 0, 3])), "an error: {}", reply.escape_ascii());
            answers += 1;
        });
        (BURST.into(), u64::from(BURST) - answers)
    }

    /// The next peer's: most renew, some are done, some leave, and of some nothing is heard again.
    fn announce(&mut self) -> Announce {
        self.next_peer = (self.next_peer + 1) % self.peers.len();
        let peer = &mut self.peers[self.next_peer];
        let mut announce = Announce::new(hash(peer.torrent), peer.port).left(peer.left);
        match self.rng.random_range(0..20) {
            0 => announce = announce.left(0).event(Event::Completed),
            1 => announce = announce.event(Event::Stopped),
            2 => {
                *peer = Peer::new(&mut self.rng);
                announce = Announce::new(hash(peer.torrent), peer.port).left(peer.left).event(Event::Started);
            }
            _ => {}
        }
        peer.left = announce.left;
        announce
    }
}

impl Peer {
    fn new(rng: &mut SmallRng) -> Self {
        Self { torrent: torrent(rng), port: rng.random_range(1..=u16::MAX), left: rng.random_range(0..3) }
    }
}

/// Few are popular.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a torrent's number is small")]
fn torrent(rng: &mut SmallRng) -> u32 {
    (rng.random::<f64>().powi(4) * TORRENTS) as u32
}

fn hash(torrent: u32) -> [u8; 20] {
    let mut hash = *b"a torrent of crowds!";
    hash[..4].copy_from_slice(&torrent.to_be_bytes());
    hash
}

const SOURCES: u8 = 64;
const PEERS: usize = 20_000;
const TORRENTS: f64 = 20_000.0;
