//! Who is in which swarm, worked out from what clients have sent: what a store must say, as narrowly as it is promised.
//!
//! A member is certain until a sweep has come by after its lifetime, and gone once a whole pass of them has come by some
//! time after that. In between it is doubtful: it may be counted and returned, or not.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use chihaya::storage::{Role, SWEEPS_PER_PASS};
use tracker_client::udp::Reply;
use tracker_client::{Announce, Event, Scraped};

use super::mail::Ask;

/// Seconds of a clock that does not wrap.
pub(super) type Seconds = i64;

/// What one store has been told.
#[derive(Default)]
pub(super) struct Truth {
    lifetime: Seconds,
    torrents: BTreeMap<[u8; 20], Torrent>,
}

#[derive(Default)]
struct Torrent {
    members: BTreeMap<SocketAddr, Member>,
    /// Completed downloads, at least and at most.
    completed: (u32, u32),
}

#[derive(Clone, Copy)]
struct Member {
    role: Role,
    announced: Seconds,
    /// By how much the clock has been set back since.
    set_back: Seconds,
    doubtful: bool,
    /// Sweeps in a row that came by when it was certainly too old.
    missed_sweeps: usize,
    /// A completion has been counted for it, or it began as a seeder; `None` where that is in doubt.
    settled: Option<bool>,
}

/// What must be said to one request.
pub(super) enum Expected {
    Announce(Swarm),
    Scrape(Vec<Numbers>),
}

/// The numbers of one family's swarm, each at least and at most.
pub(super) struct Numbers {
    seeders: RangeInclusive<u32>,
    leechers: RangeInclusive<u32>,
    completed: RangeInclusive<u32>,
}

/// A swarm as one of its members must be told of it.
pub(super) struct Swarm {
    numbers: Numbers,
    /// Who may be returned, in order, and whether they are certain.
    on_offer: Vec<(SocketAddr, bool)>,
    wanted: usize,
}

impl Truth {
    pub(super) fn new(lifetime: Seconds) -> Self {
        Self { lifetime, torrents: BTreeMap::new() }
    }

    /// Takes note of a request from an address, and says what its reply must be; a connect has no part in it.
    pub(super) fn apply(&mut self, now: Seconds, source: IpAddr, ask: &Ask) -> Option<Expected> {
        match ask {
            Ask::Connect => None,
            Ask::Announce(announce) => Some(Expected::Announce(self.announce(now, source, announce))),
            Ask::Scrape(torrents) => {
                let numbers = |torrent| self.torrents.get(torrent).unwrap_or(&NOTHING).numbers(source);
                Some(Expected::Scrape(torrents.iter().map(numbers).collect()))
            }
        }
    }

    fn announce(&mut self, now: Seconds, source: IpAddr, announce: &Announce) -> Swarm {
        let peer = SocketAddr::new(source, announce.port);
        let torrent = self.torrents.entry(announce.info_hash).or_default();
        let role = match (announce.left, announce.event) {
            (0, _) => Role::Seeder,
            (_, Event::Paused) => Role::PartialSeed,
            _ => Role::Downloader,
        };
        if announce.event == Event::Stopped {
            torrent.members.remove(&peer);
            return torrent.told(peer, role, 0);
        }
        torrent.put(now, peer, role, announce.event == Event::Completed);
        let most = if source.is_ipv4() { 200 } else { 67 };
        let wanted = announce.num_want.and_then(|want| usize::try_from(want).ok()).unwrap_or(DEFAULT_WANT);
        torrent.told(peer, role, wanted.min(most))
    }

    /// All of a swarm, as an onlooker with this address may see it.
    pub(super) fn look(&self, torrent: &[u8; 20], onlooker: SocketAddr) -> Swarm {
        self.torrents.get(torrent).unwrap_or(&NOTHING).told(onlooker, Role::Downloader, usize::MAX)
    }

    /// The clock is set back.
    pub(super) fn set_back(&mut self, seconds: Seconds) {
        self.torrents
            .values_mut()
            .flat_map(|torrent| torrent.members.values_mut())
            .for_each(|member| member.set_back += seconds);
    }

    /// So many sweeps, by a clock that says `now`.
    pub(super) fn sweep(&mut self, now: Seconds, times: usize) {
        let too_old = self.lifetime + self.lifetime / 512 + 2;
        for torrent in self.torrents.values_mut() {
            torrent.members.retain(|_, member| {
                let age = now - member.announced;
                // A store may go by what the clock says, or by the time that has passed.
                member.doubtful |= age + member.set_back > self.lifetime;
                member.missed_sweeps = if age > too_old { member.missed_sweeps + times } else { 0 };
                member.missed_sweeps < SWEEPS_PER_PASS
            });
            // Completed downloads may be forgotten once nobody is left.
            if torrent.members.values().all(|member| member.doubtful) {
                torrent.completed.0 = 0;
            }
        }
    }
}

static NOTHING: Torrent = Torrent { members: BTreeMap::new(), completed: (0, 0) };

impl Torrent {
    fn put(&mut self, now: Seconds, peer: SocketAddr, role: Role, completed: bool) {
        let before = self.members.get(&peer);
        let began_as_seeder = Some(role == Role::Seeder);
        let mut settled = match before {
            None => began_as_seeder,
            Some(member) if !member.doubtful || member.settled == began_as_seeder => member.settled,
            Some(_) => None,
        };
        if completed && role == Role::Seeder {
            let (least, most) = match before {
                None => (1, 1),
                Some(member) => match (member.settled, member.doubtful) {
                    (Some(false), _) => (1, 1),
                    (Some(true), false) => (0, 0),
                    _ => (0, 1),
                },
            };
            self.completed = (self.completed.0 + least, self.completed.1 + most);
            settled = Some(true);
        }
        self.members
            .insert(peer, Member { role, announced: now, set_back: 0, doubtful: false, missed_sweeps: 0, settled });
    }

    fn told(&self, requester: SocketAddr, role: Role, wanted: usize) -> Swarm {
        let offered = |(peer, member): &(&SocketAddr, &Member)| {
            **peer != requester && (role == Role::Downloader || member.role == Role::Downloader)
        };
        let on_offer = self.family(requester.ip()).filter(offered).map(|(peer, member)| (*peer, !member.doubtful));
        Swarm { numbers: self.numbers(requester.ip()), on_offer: on_offer.collect(), wanted }
    }

    fn numbers(&self, requester: IpAddr) -> Numbers {
        let [mut seeders, mut leechers] = [(0, 0); 2];
        for (_, member) in self.family(requester) {
            let (least, most) = if member.role == Role::Seeder { &mut seeders } else { &mut leechers };
            *least += u32::from(!member.doubtful);
            *most += 1;
        }
        let range = |(least, most)| least..=most;
        Numbers { seeders: range(seeders), leechers: range(leechers), completed: range(self.completed) }
    }

    fn family(&self, of: IpAddr) -> impl Iterator<Item = (&SocketAddr, &Member)> {
        self.members.iter().filter(move |(peer, _)| peer.is_ipv4() == of.is_ipv4())
    }
}

/// Compares a reply with what one of both stores must say: for a scrape, about each torrent by itself.
pub(super) fn check(reply: &Reply, stores: [Option<&Expected>; 2]) -> Result<(), String> {
    let Reply::Scrape { torrents, .. } = reply else {
        return either(stores, |expected| match (expected, reply) {
            (Expected::Announce(swarm), Reply::Announce { leechers, seeders, peers, .. }) => {
                swarm.check(*seeders, *leechers, peers)
            }
            _ => Err(format!("{reply:?} is no reply to this request")),
        });
    };
    either(stores, |expected| match expected {
        Expected::Scrape(asked) => within("scraped torrents", torrents.len(), &(asked.len()..=asked.len())),
        Expected::Announce(_) => Err("a scrape reply to an announce".into()),
    })?;
    (0..torrents.len()).try_for_each(|index| {
        either(stores, |expected| match expected {
            Expected::Scrape(asked) => asked[index].check_scraped(&torrents[index]),
            Expected::Announce(_) => unreachable!("it is a scrape"),
        })
    })
}

/// Whether one of both stores would say so; what the first would not, if neither.
fn either(stores: [Option<&Expected>; 2], check: impl Fn(&Expected) -> Result<(), String>) -> Result<(), String> {
    let mut verdicts = stores.into_iter().flatten().map(check);
    let first = verdicts.next().unwrap_or_else(|| Err("a reply, though no store has answered".into()));
    if first.is_ok() || verdicts.any(|verdict| verdict.is_ok()) { Ok(()) } else { first }
}

impl Numbers {
    fn check(&self, seeders: u32, leechers: u32) -> Result<(), String> {
        within("seeders", seeders, &self.seeders)?;
        within("leechers", leechers, &self.leechers)
    }

    fn check_scraped(&self, scraped: &Scraped) -> Result<(), String> {
        self.check(scraped.seeders, scraped.leechers)?;
        within("completed downloads", scraped.completed, &self.completed)
    }
}

impl Swarm {
    /// Compares what is said of a swarm with what must be.
    pub(super) fn check(&self, seeders: u32, leechers: u32, peers: &[SocketAddr]) -> Result<(), String> {
        self.numbers.check(seeders, leechers)?;
        let mut told = vec![false; self.on_offer.len()];
        for peer in peers {
            let at = self.on_offer.binary_search_by_key(peer, |(peer, _)| *peer);
            let at = at.map_err(|_| format!("{peer} is returned, who is not there, or not to be offered"))?;
            if std::mem::replace(&mut told[at], true) {
                return Err(format!("{peer} is returned twice"));
            }
        }
        let certain = self.on_offer.iter().filter(|(_, certain)| *certain).count();
        within("peers", peers.len(), &(self.wanted.min(certain)..=self.wanted))?;
        // There was room for everybody.
        let missing = self.on_offer.iter().zip(&told).find(|((_, certain), told)| *certain && !**told);
        match missing {
            Some(((peer, _), _)) if peers.len() < self.wanted => Err(format!("{peer} is lost")),
            _ => Ok(()),
        }
    }
}

fn within<T: PartialOrd + std::fmt::Debug>(what: &str, number: T, range: &RangeInclusive<T>) -> Result<(), String> {
    if range.contains(&number) { Ok(()) } else { Err(format!("{number:?} {what}, not {range:?}")) }
}

/// For those who leave the number to the tracker.
const DEFAULT_WANT: usize = 50;
