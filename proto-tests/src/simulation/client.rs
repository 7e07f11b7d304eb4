//! One simulated client: what it has been told, what it is waiting for, and what it does next.

use std::net::{IpAddr, SocketAddr};

use rand::RngExt;
use rand::rngs::SmallRng;
use tracker_client::udp::{Reply, packet};
use tracker_client::{Announce, Event};

use super::habits::Habits;
use super::mail::{Ask, Letter};

/// Milliseconds since the simulation began.
pub(super) type Millis = u64;

/// A client of one torrent.
pub(super) struct Client {
    number: usize,
    pub(super) habits: &'static Habits,
    pub(super) address: IpAddr,
    port: u16,
    torrent: [u8; 20],
    left: u64,
    state: State,
    /// What it does when its timer goes off; `None` once it is gone for good.
    pub(super) due: Option<Millis>,
    id: Option<(u64, Millis)>,
    transaction: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// It takes no part.
    Away,
    /// It waits until it is time to announce.
    Resting,
    /// It waits for a reply.
    Asking { purpose: Purpose, tries: u32 },
}

#[derive(Clone, Copy, Debug)]
enum Purpose {
    Announce(Event),
    Scrape { resume: Millis },
}

impl Client {
    pub(super) fn new(
        number: usize,
        habits: &'static Habits,
        at: SocketAddr,
        torrent: [u8; 20],
        joins: Millis,
    ) -> Self {
        let (address, port) = (at.ip(), at.port());
        let transaction = u32::try_from(number << 16).unwrap_or_default();
        let (left, state, due, id) = (0, State::Away, Some(joins), None);
        Self { number, habits, address, port, torrent, left, state, due, id, transaction }
    }

    /// What it sends as its timer goes off, if anything.
    pub(super) fn wake(&mut self, now: Millis, rng: &mut SmallRng) -> Option<Letter> {
        match self.state {
            State::Away => {
                self.left = if rng.random_ratio(1, 4) { 0 } else { 1_000 };
                if self.address.is_ipv6() && rng.random_ratio(1, 3) {
                    self.change_privacy_address(rng);
                }
                self.ask(now, Purpose::Announce(Event::Started), 1, rng)
            }
            State::Resting => {
                let purpose = self.decide(now, rng)?;
                self.ask(now, purpose, 1, rng)
            }
            State::Asking { purpose, tries } if tries < self.habits.tries => self.ask(now, purpose, tries + 1, rng),
            State::Asking { purpose, .. } => {
                self.id = None;
                self.give_up(now, purpose);
                None
            }
        }
    }

    /// What it sends on getting a datagram, if anything; replies to anything but its last request are passed over.
    pub(super) fn receive(&mut self, now: Millis, reply: Reply, rng: &mut SmallRng) -> Option<Letter> {
        let State::Asking { purpose, tries } = self.state else { return None };
        if reply.transaction() != self.transaction {
            return None;
        }
        match reply {
            Reply::Connect { connection_id, .. } => {
                self.id = Some((connection_id, now));
                return Some(self.send(now, purpose, tries, rng));
            }
            Reply::Announce { interval, .. } => {
                self.state = State::Resting;
                self.due = match purpose {
                    _ if self.habits.once => None,
                    Purpose::Announce(Event::Stopped) => self.leave(now, rng),
                    _ => Some(now + (u64::from(interval) * 1_000).max(self.habits.shortest_interval)),
                };
            }
            Reply::Scrape { .. } | Reply::Error { .. } => self.give_up(now, purpose),
        }
        None
    }

    /// What to do now that it is time to announce; `None` if it is to vanish without a word.
    fn decide(&mut self, now: Millis, rng: &mut SmallRng) -> Option<Purpose> {
        let dice = rng.random_range(0..100);
        Some(match dice {
            0..12 => Purpose::Announce(Event::Stopped),
            12..18 => {
                self.due = self.leave(now, rng);
                return None;
            }
            18..40 if self.left > 0 => {
                self.left = 0;
                Purpose::Announce(Event::Completed)
            }
            40..50 if self.left > 0 && self.habits.pauses => Purpose::Announce(Event::Paused),
            50..60 if self.habits.scrapes > 0 => Purpose::Scrape { resume: now + 1_000 },
            // A seeder that checks its files and misses some.
            60..62 if self.left == 0 => {
                self.left = 10;
                Purpose::Announce(Event::None)
            }
            // One that has been told of its completion says so again.
            62..65 if self.left == 0 => Purpose::Announce(Event::Completed),
            _ => Purpose::Announce(Event::None),
        })
    }

    /// Takes no part from now on. Half of them come back some day.
    fn leave(&mut self, now: Millis, rng: &mut SmallRng) -> Option<Millis> {
        self.state = State::Away;
        rng.random::<bool>().then(|| now + rng.random_range(1_000..3_600_000))
    }

    fn give_up(&mut self, now: Millis, purpose: Purpose) {
        self.state = State::Resting;
        self.due = match purpose {
            _ if self.habits.once => None,
            Purpose::Announce(Event::Stopped) => {
                self.state = State::Away;
                None
            }
            Purpose::Announce(_) => Some(now + FAILURE_PAUSE),
            Purpose::Scrape { resume } => Some(resume.max(now)),
        };
    }

    /// Asks with the id that it has, or for one.
    fn ask(&mut self, now: Millis, purpose: Purpose, tries: u32, rng: &mut SmallRng) -> Option<Letter> {
        // Who gets no reply does not believe in the id for long.
        let usable = |(_, since): &(u64, Millis)| now - since < self.habits.id_life && tries < 3;
        self.id = self.id.filter(usable);
        if self.id.is_some() {
            return Some(self.send(now, purpose, tries, rng));
        }
        self.wait(now, purpose, tries);
        let bytes = packet::connect(self.transaction).to_vec();
        Some(self.letter(0, Ask::Connect, bytes, rng))
    }

    /// Sends a request with the id that it has.
    fn send(&mut self, now: Millis, purpose: Purpose, tries: u32, rng: &mut SmallRng) -> Letter {
        self.wait(now, purpose, tries);
        let id = self.id.map_or(0, |(id, _)| id);
        match purpose {
            Purpose::Announce(event) => {
                let announce = self.announce(event, rng);
                let bytes = packet::announce(id, self.transaction, &announce, &self.habits.options.bytes());
                self.letter(id, Ask::Announce(announce), bytes, rng)
            }
            Purpose::Scrape { .. } => {
                let number = rng.random_range(1..=self.habits.scrapes);
                let others = (0..number).map(|other| [u8::try_from(other).unwrap_or_default(); 20]);
                let torrents: Vec<_> = others.collect();
                let bytes = packet::scrape(id, self.transaction, &torrents);
                self.letter(id, Ask::Scrape(torrents), bytes, rng)
            }
        }
    }

    fn announce(&self, event: Event, rng: &mut SmallRng) -> Announce {
        let leaving = event == Event::Stopped;
        let num_want = if leaving { Some(0) } else { self.habits.num_want };
        let key = if self.habits.new_keys { rng.random() } else { self.port.into() };
        Announce { num_want, key, ..Announce::new(self.torrent, self.port).left(self.left).event(event) }
    }

    /// A new transaction, and a new time-out.
    fn wait(&mut self, now: Millis, purpose: Purpose, tries: u32) {
        self.transaction = self.transaction.wrapping_add(1);
        self.state = State::Asking { purpose, tries };
        let doublings = if self.habits.doubles { tries - 1 } else { 0 };
        self.due = Some(now + (self.habits.patience << doublings));
    }

    /// From any port: routers give out others as they like.
    fn letter(&self, connection_id: u64, ask: Ask, bytes: Vec<u8>, rng: &mut SmallRng) -> Letter {
        let source = SocketAddr::new(self.address, rng.random_range(1..=u16::MAX));
        Letter { client: self.number, forged: false, source, transaction: self.transaction, connection_id, ask, bytes }
    }

    /// Within its /64, for which its id goes on being good.
    fn change_privacy_address(&mut self, rng: &mut SmallRng) {
        if let IpAddr::V6(address) = &mut self.address {
            let network = address.to_bits() >> 64 << 64;
            *address = (network | u128::from(rng.random::<u64>())).into();
        }
    }
}

/// How long a client that gets no reply leaves the tracker alone.
const FAILURE_PAUSE: Millis = 5 * 60_000;
