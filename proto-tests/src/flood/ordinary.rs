//! The ordinary clients: each announces at its interval, asks again where no answer comes, and looks whether the others are there.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use tracker_client::udp::{Reply, decode, packet};
use tracker_client::{Announce, Family, Scraped};

use super::report::Account;
use super::swarms::{Swarm, address, info_hash};
use super::wildcard::Wildcard;
use crate::tracker::Tracker;

/// All of them, behind one socket.
pub(super) struct Ordinary {
    wildcard: Wildcard,
    interval: Duration,
    swarms: Vec<Swarm>,
    clients: Vec<Client>,
    /// By transaction id: whose request it is.
    under_way: HashMap<u32, Asked>,
    transaction: u32,
    /// Swarms that are complete: whoever is missing from one of them since is lost.
    complete: Vec<bool>,
    next_look: Instant,
    /// When the next pair comes, once the others are there.
    next_pair: Option<Instant>,
    account: Account,
}

struct Client {
    torrent: usize,
    seeder: bool,
    id: Option<u64>,
    due: Instant,
    /// Announces that were answered.
    answered: u32,
    came: Instant,
}

#[derive(Clone, Copy)]
enum Asked {
    Connect(usize),
    /// By whom, and whether the swarm was complete before.
    Announce(usize, bool),
    /// From which torrent on.
    Scrape(usize),
}

impl Ordinary {
    pub(super) fn new(tracker: &Tracker, interval: Duration) -> Self {
        let now = Instant::now();
        let mut ordinary = Self {
            wildcard: Wildcard::new(tracker.udp(Family::V4)),
            interval,
            swarms: Vec::new(),
            clients: Vec::new(),
            under_way: HashMap::new(),
            transaction: 0,
            complete: Vec::new(),
            next_look: now + LOOKS,
            next_pair: None,
            account: Account::default(),
        };
        Swarm::all().into_iter().for_each(|swarm| ordinary.add(swarm));
        ordinary
    }

    /// Has all of them announce twice: then the tracker knows that they are no passing thing.
    pub(super) fn settle_in(&mut self) {
        let deadline = Instant::now() + self.interval + PATIENCE;
        while self.clients.iter().any(|client| client.answered < 2) {
            assert!(Instant::now() < deadline, "the ordinary clients are not served");
            self.step();
        }
        self.complete.fill(true);
        self.next_pair = Some(Instant::now());
        self.account.settled = self.clients.len() as u64;
    }

    /// Has them go on, and others come.
    pub(super) fn go_on_until(&mut self, end: Instant) {
        while Instant::now() < end {
            self.step();
        }
    }

    /// What came of it.
    pub(super) fn account(mut self) -> Account {
        let settled = usize::try_from(self.account.settled).expect("some hundreds");
        self.account.torrents = self.swarms.len();
        let newcomers = self.clients[settled..].chunks(2).filter(|pair| pair[0].came.elapsed() > self.interval * 2);
        let newcomers: Vec<_> = newcomers.map(|pair| self.complete[pair[0].torrent]).collect();
        self.account.newcomers = newcomers.len() as u64;
        self.account.kept_out = newcomers.iter().filter(|&&complete| !complete).count() as u64;
        self.account
    }

    fn add(&mut self, swarm: Swarm) {
        let (torrent, now) = (self.swarms.len(), Instant::now());
        let roles = (0..swarm.peers()).map(|number| number < swarm.seeders);
        let client = |seeder| Client { torrent, seeder, id: None, due: now, answered: 0, came: now };
        self.clients.extend(roles.map(client));
        self.swarms.push(swarm);
        self.complete.push(false);
    }

    /// Sends what is due, and takes in what has come.
    fn step(&mut self) {
        let now = Instant::now();
        if self.next_pair.is_some_and(|next| next <= now) {
            self.next_pair = Some(now + BETWEEN_PAIRS);
            self.add(Swarm::PAIR);
        }
        for client in 0..self.clients.len() {
            if self.clients[client].due <= now {
                self.ask(client);
            }
        }
        if self.next_look <= now {
            self.next_look = now + LOOKS;
            self.look();
        }
        let mut buffer = [0; 2_048];
        while let Some(datagram) = self.wildcard.receive(&mut buffer) {
            let reply = decode(datagram, Family::V4).expect("a reply");
            self.answered(reply);
        }
        thread::sleep(Duration::from_millis(1));
    }

    fn transaction(&mut self, asked: Asked) -> u32 {
        self.transaction = self.transaction.wrapping_add(1);
        self.under_way.insert(self.transaction, asked);
        self.transaction
    }

    fn ask(&mut self, number: usize) {
        let Client { torrent, seeder, id, .. } = self.clients[number];
        self.clients[number].due = Instant::now() + AGAIN;
        let request = if let Some(id) = id {
            let transaction = self.transaction(Asked::Announce(number, self.complete[torrent]));
            let announce = Announce::new(info_hash(torrent), PORT).left(u64::from(!seeder)).num_want(50);
            packet::announce(id, transaction, &announce, &[])
        } else {
            packet::connect(self.transaction(Asked::Connect(number))).to_vec()
        };
        self.wildcard.send(address(number), &request);
    }

    /// Asks for the counts of all torrents: that is how those who are alone are missed.
    fn look(&mut self) {
        let Some(id) = self.clients[0].id else { return };
        for first in (0..self.swarms.len()).step_by(super::SCRAPE) {
            let last = self.swarms.len().min(first + super::SCRAPE);
            let info_hashes: Vec<_> = (first..last).map(info_hash).collect();
            let transaction = self.transaction(Asked::Scrape(first));
            self.wildcard.send(address(0), &packet::scrape(id, transaction, &info_hashes));
        }
    }

    fn answered(&mut self, reply: Reply) {
        let asked = self.under_way.remove(&reply.transaction());
        match (asked, reply) {
            (Some(Asked::Connect(number)), Reply::Connect { connection_id, .. }) => {
                self.clients[number].id = Some(connection_id);
                self.clients[number].due = Instant::now();
            }
            (Some(Asked::Announce(number, complete)), Reply::Announce { leechers, seeders, peers, .. }) => {
                let client = &mut self.clients[number];
                client.answered += 1;
                client.due = Instant::now() + self.interval;
                let (torrent, swarm) = (client.torrent, self.swarms[client.torrent]);
                let offered = swarm.offered(client.seeder) as usize;
                let there = (leechers, seeders, peers.len()) == (swarm.leechers, swarm.seeders, offered);
                self.account.announces += 1;
                self.see(torrent, complete, there, || format!("{leechers} leechers, {seeders} seeders, {peers:?}"));
                self.complete[torrent] |= there;
            }
            (Some(Asked::Scrape(first)), Reply::Scrape { torrents, .. }) => {
                for (torrent, counts) in (first..).zip(torrents) {
                    let Scraped { leechers, seeders, .. } = counts;
                    let swarm = self.swarms[torrent];
                    let there = (leechers, seeders) == (swarm.leechers, swarm.seeders);
                    // Of newcomers, one may be there whom the other has not seen yet.
                    let settled = torrent < Swarm::all().len();
                    self.see(torrent, settled && self.complete[torrent], there, || format!("{counts:?}"));
                    self.account.looks += 1;
                }
            }
            (None, _) => {}
            (_, reply) => panic!("not what was asked for: {reply:?}"),
        }
    }

    /// Keeps what was wrong with a swarm that had been complete.
    fn see(&mut self, torrent: usize, complete: bool, there: bool, told: impl FnOnce() -> String) {
        if complete && !there {
            self.account.lost += 1;
            if self.account.first_lost.is_empty() {
                self.account.first_lost = format!("torrent {torrent}, {:?}: {}", self.swarms[torrent], told());
            }
        }
    }
}

/// Between two looks at all torrents.
const LOOKS: Duration = Duration::from_secs(1);

/// Who has no answer by then asks again.
const AGAIN: Duration = Duration::from_millis(500);

const BETWEEN_PAIRS: Duration = Duration::from_millis(100);

const PATIENCE: Duration = Duration::from_secs(30);

const PORT: u16 = 6_881;
