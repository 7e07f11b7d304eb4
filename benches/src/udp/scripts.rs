//! What to ask: a connection id each, every peer once, a mix for a while, the counts of every torrent.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Result, ensure};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::clients::MAX_SCRAPE;
use super::closed::{self, Overdue};
use super::{BURST, Clients, Envelope, Request, Script, Tally};
use crate::swarms::Swarms;

/// Has every client connect, and every peer announce itself until it is acknowledged.
///
/// # Errors
///
/// If the server refuses, or is silent for long.
pub fn fill(clients: &mut Clients<'_>, window: u32) -> Result<Tally> {
    connect(clients, window)?;
    let swarms = clients.swarms();
    let announced = vec![0; swarms.clients() as usize];
    closed::run(clients, &mut Fill { swarms, announced, since_connect: 0 }, window, Overdue::SendAgain)
}

/// Has every client fetch a new connection id.
///
/// # Errors
///
/// If the server refuses, or is silent for long.
pub fn connect(clients: &mut Clients<'_>, window: u32) -> Result<()> {
    let connected = vec![false; clients.count() as usize];
    closed::run(clients, &mut Connect { connected }, window, Overdue::SendAgain).map(drop)
}

/// Counts the peers of all torrents: the sum of the seeders and leechers that scrapes tell.
///
/// # Errors
///
/// If the server refuses, or is silent for long.
pub fn count(clients: &mut Clients<'_>, window: u32) -> Result<u64> {
    connect(clients, window)?;
    let mut script = Count { torrents: clients.swarms().torrents(), next: 0, peers: 0 };
    closed::run(clients, &mut script, window, Overdue::SendAgain)?;
    Ok(script.peers)
}

struct Connect {
    connected: Vec<bool>,
}

impl Script for Connect {
    fn next(&mut self, client: u32) -> Option<Request> {
        let connected = &mut self.connected[client as usize];
        (!std::mem::replace(connected, true)).then_some(Request::Connect)
    }
}

/// Every peer once, in no order of torrents: those of one arrive as they would, between those of all others.
struct Fill<'a> {
    swarms: &'a Swarms,
    announced: Vec<u32>,
    since_connect: usize,
}

impl Script for Fill<'_> {
    fn next(&mut self, client: u32) -> Option<Request> {
        let peers = self.swarms.peers_of(client);
        let announced = &mut self.announced[client as usize];
        if *announced == peers {
            return None;
        }
        // A fill may take longer than connection ids last, so that one request of each burst renews the client's.
        self.since_connect += 1;
        if self.since_connect == BURST {
            self.since_connect = 0;
            return Some(Request::Connect);
        }
        let index = shuffled(*announced, peers);
        *announced += 1;
        Some(Request::Announce(self.swarms.peer_of(client, index)))
    }
}

/// The `index`th of the numbers below `count` in an order that visits each once and never stays near.
fn shuffled(index: u32, count: u32) -> u32 {
    // Steps of the golden section leave no part alone for long; without a common divisor they miss no number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "less than count")]
    let mut step = (f64::from(count) * 0.618) as u32;
    while step > 1 && divisor(step, count) > 1 {
        step -= 1;
    }
    u32::try_from(u64::from(index) * u64::from(step.max(1)) % u64::from(count)).expect("a remainder of a u32")
}

fn divisor(one: u32, other: u32) -> u32 {
    if one == 0 { other } else { divisor(other % one, one) }
}

struct Count {
    torrents: u32,
    next: u32,
    peers: u64,
}

impl Script for Count {
    fn next(&mut self, _client: u32) -> Option<Request> {
        let (torrent, torrents) = (self.next, MAX_SCRAPE.min(self.torrents - self.next));
        self.next += torrents;
        (torrents > 0).then_some(Request::Scrape { torrent, torrents })
    }

    fn replied(&mut self, request: Request, reply: &Envelope<'_>) -> Result<()> {
        let Request::Scrape { torrents, .. } = request else { return Ok(()) };
        let mut answered = 0;
        for counts in reply.torrents()? {
            self.peers += u64::from(counts.seeders) + u64::from(counts.leechers);
            answered += 1;
        }
        ensure!(answered == torrents, "a scrape of {torrents} torrents is answered for {answered}");
        Ok(())
    }
}

/// Percentages of connects, announces and scrapes, as `50/50/0`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mix {
    connects: u32,
    announces: u32,
    scrapes: u32,
}

impl FromStr for Mix {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "must be three whole numbers that add up to 100, such as 50/50/0";
        let share = |share: &str| share.parse().ok().filter(|share| *share <= 100);
        let shares: Option<Vec<u32>> = text.split('/').map(share).collect();
        match shares.as_deref() {
            Some(&[connects, announces, scrapes]) if connects + announces + scrapes == 100 => {
                Ok(Self { connects, announces, scrapes })
            }
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.connects, self.announces, self.scrapes)
    }
}

/// Random requests of peers that have announced themselves before, each as likely, for a while.
pub struct Mixed<'a> {
    swarms: &'a Swarms,
    mix: Mix,
    rng: SmallRng,
    end: Instant,
    until_look: usize,
    over: bool,
}

impl<'a> Mixed<'a> {
    /// Requests until `end`.
    pub fn new(swarms: &'a Swarms, mix: Mix, seed: u64, end: Instant) -> Self {
        Self { swarms, mix, rng: SmallRng::seed_from_u64(seed), end, until_look: 0, over: false }
    }
}

impl Script for Mixed<'_> {
    fn next(&mut self, client: u32) -> Option<Request> {
        // To look at the clock takes as long as to choose.
        if self.until_look == 0 {
            self.until_look = BURST;
            self.over = Instant::now() >= self.end;
        }
        self.until_look -= 1;
        let peers = self.swarms.peers_of(client);
        if self.over || peers == 0 {
            return None;
        }
        let Mix { connects, announces, scrapes } = self.mix;
        let choice = self.rng.random_range(0..connects + announces + scrapes);
        if choice < connects {
            return Some(Request::Connect);
        }
        let number = self.swarms.peer_of(client, self.rng.random_range(0..peers));
        if choice < connects + announces {
            return Some(Request::Announce(number));
        }
        Some(Request::Scrape { torrent: self.swarms.peer(number).torrent, torrents: 1 })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::swarms::Plan;

    fn swarms(peers: u32, clients: u32) -> Swarms {
        let distribution = "zipf:100".parse().unwrap();
        Swarms::new(&Plan { distribution, peers, seeders: 0.5, clients, seed: 1 }).unwrap()
    }

    #[test]
    fn a_shuffle_misses_none() {
        for count in [1, 2, 3, 6, 97, 1_000] {
            let shuffled: HashSet<_> = (0..count).map(|index| shuffled(index, count)).collect();
            assert_eq!((shuffled.len(), shuffled.iter().max()), (count as usize, Some(&(count - 1))));
        }
    }

    #[test]
    fn a_fill_announces_every_peer_once() {
        let swarms = swarms(1_001, 3);
        let mut fill = Fill { swarms: &swarms, announced: vec![0; 3], since_connect: 0 };
        let mut numbers = HashSet::new();
        for client in 0..3 {
            while let Some(request) = fill.next(client) {
                let Request::Announce(number) = request else { continue };
                assert_eq!(number % 3, client);
                assert!(numbers.insert(number));
            }
        }
        assert_eq!(numbers.len(), 1_001);
    }

    #[test]
    fn a_mix_has_its_shares_and_ends() {
        let swarms = swarms(1_000, 3);
        let end = Instant::now() + std::time::Duration::from_secs(60);
        let mut mixed = Mixed::new(&swarms, "50/30/20".parse().unwrap(), 1, end);
        let mut counts = [0; 3];
        for client in (0..3).cycle().take(10_000) {
            match mixed.next(client).unwrap() {
                Request::Connect => counts[0] += 1,
                Request::Announce(number) => {
                    assert_eq!(number % 3, client);
                    counts[1] += 1;
                }
                Request::Scrape { torrents, .. } => counts[2] += torrents,
            }
        }
        assert!(
            counts.iter().zip([5_000, 3_000, 2_000]).all(|(count, share)| count.abs_diff(share) < 300),
            "{counts:?}"
        );
        mixed.end = Instant::now();
        assert!((0..=BURST).any(|_| mixed.next(0).is_none()));
        let wrong = ["", "50/50", "0/0/0", "50/50/50", "50/50/x", "50/x/50/0", "50/25/25/0", "4294967246/50/100"];
        assert!(wrong.iter().all(|mix| mix.parse::<Mix>().is_err()));
    }
}
