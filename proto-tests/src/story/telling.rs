//! A story, told to a tracker.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use tracker_client::{Announce, Announced, Event, Failure, Family, Scraped};

use super::{Act, Peer, Step, Teller, Told, Transport, Way};
use crate::tracker::Tracker;

/// Tells a story this way, of torrents that nobody has heard of, and finds out how it ends for the first of them.
///
/// # Panics
/// When a step does not come out as it must.
#[track_caller]
pub fn tell(tracker: &Tracker, way: Way, steps: &[Step]) -> Ending {
    let mut telling = Telling { tracker, way, torrents: rand::random(), tellers: HashMap::new() };
    for (number, step) in (1..).zip(steps) {
        if let Err(reason) = telling.take(step) {
            panic!("{way:?}, step {number}: {step:#?}\n{reason}");
        }
    }
    telling.end()
}

/// How a story ends: the same, whichever way it was told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// What a scrape says: seeders, completed, leechers.
    pub counts: (u32, u32, u32),
    /// The ports of the members that one more leecher is told of, sorted.
    pub members: Vec<u16>,
}

struct Telling<'a> {
    tracker: &'a Tracker,
    way: Way,
    torrents: [[u8; 20]; 2],
    tellers: HashMap<(Transport, IpAddr), Box<dyn Teller>>,
}

impl Telling<'_> {
    fn take(&mut self, step: &Step) -> Result<(), String> {
        let way = step.way.unwrap_or(self.way);
        let info_hash = self.torrents[step.torrent];
        match &step.act {
            Act::Announce(said, expected) => {
                let announce = Announce { info_hash, ..said.announce.clone() };
                let answer = self.teller(way, said.peer).announce(&announce);
                match (expected, answer) {
                    (Ok(told), Ok(announced)) => told.check(way.family, &announced),
                    (Err(words), Err(Failure::Rejected { reason, .. })) => equal("refusal", &reason.as_str(), words),
                    (_, answer) => Err(format!("it came to {answer:?}")),
                }
            }
            &Act::Scrape { seeders, completed, leechers, downloaders } => {
                let scraped = self.teller(way, OBSERVER).scrape(info_hash).map_err(|failure| failure.to_string())?;
                let downloaders = (way.transport == Transport::Http).then_some(downloaders);
                equal("scrape", &scraped, &Scraped { seeders, completed, leechers, downloaders })
            }
        }
    }

    /// Everyone asks from a place of their own: one client for each host and transport.
    fn teller(&mut self, way: Way, peer: Peer) -> &mut dyn Teller {
        let host = peer.host(way.family);
        self.tellers.entry((way.transport, host)).or_insert_with(|| way.teller(self.tracker, host)).as_mut()
    }

    fn end(mut self) -> Ending {
        let (way, info_hash) = (self.way, self.torrents[0]);
        let observer = self.teller(way, OBSERVER);
        let scraped = observer.scrape(info_hash).expect("a story's end can be seen");
        let looking = Announce::new(info_hash, OBSERVER.port).num_want(MANY);
        let announced = observer.announce(&looking).expect("a story's end can be seen");
        observer.announce(&looking.event(Event::Stopped)).expect("an observer can leave");
        let mut members: Vec<_> = announced.peers.iter().map(SocketAddr::port).collect();
        members.sort_unstable();
        Ending { counts: (scraped.seeders, scraped.completed, scraped.leechers), members }
    }
}

impl Told {
    fn check(&self, family: Family, announced: &Announced) -> Result<(), String> {
        equal("counts (seeders, leechers)", &(announced.seeders, announced.leechers), &(self.seeders, self.leechers))?;
        let peers = &announced.peers;
        let distinct: BTreeSet<_> = peers.iter().collect();
        equal("number of different peers", &distinct.len(), &peers.len())?;
        equal("number of peers", &peers.len(), &self.how_many)?;
        let other = if family == Family::V4 { Family::V6 } else { Family::V4 };
        let own = self.peers.iter().map(|peer| peer.address(family));
        let candidates: BTreeSet<_> = own.chain(self.abroad.iter().map(|peer| peer.address(other))).collect();
        match peers.iter().find(|peer| !candidates.contains(peer)) {
            Some(stranger) => Err(format!("told of {stranger}, who is none of {candidates:?}")),
            None => Ok(()),
        }
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expected:?}")) }
}

/// One who only looks.
const OBSERVER: Peer = Peer::new(u16::MAX);

/// As many peers as every reply has room for: 67 to an IPv6 client over UDP.
const MANY: i32 = 67;
