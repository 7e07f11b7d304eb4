//! The UDP handler over a store in memory, and what its clients send.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use chihaya::clock::Now;
use chihaya::counters::{Counter, Counters};
use chihaya::storage::memory::MemoryStorage;
use chihaya::storage::{Announce, Answer, Batch, Change, Role, Storage};
use chihaya::tracker::{Config, Live, Tracker};
use chihaya::udp::{ConnectionIds, Handler, Round, Secret};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tracker_client::udp::packet;

use super::Mail;

/// A tracker without a network.
pub struct World {
    /// What answers.
    pub handler: Handler,
    /// What it accepts.
    pub connection_ids: ConnectionIds,
    counters: Arc<Counters>,
    round: Round,
    rng: SmallRng,
}

impl World {
    /// Over `storage`, whoever is in it already.
    pub fn new(storage: MemoryStorage) -> Self {
        let connection_ids = ConnectionIds::new(Secret([5; 16]), 3);
        let tracker = Arc::new(Tracker::new(Arc::new(storage), Live::new(Config::default())));
        let counters = Arc::new(Counters::default());
        let ids = Arc::new(ArcSwap::from_pointee(connection_ids.clone()));
        let handler = Handler::new(tracker, ids, Arc::clone(&counters));
        Self { handler, connection_ids, counters, round: Round::default(), rng: SmallRng::seed_from_u64(3) }
    }

    /// Answers all that is in the mail, as a worker does.
    pub fn answer(&mut self, now: Now, mail: &mut Mail) {
        self.handler.read(mail, &mut self.round, &mut self.rng);
        let batch = mem::take(&mut self.round.batch);
        self.round.batch = self.apply(now, batch);
        self.handler.write(mail, &self.round, &mut self.rng);
    }

    fn apply(&self, now: Now, batch: Batch) -> Batch {
        match self.handler.tracker().apply(now, batch) {
            Answer::Ready(batch) => batch,
            Answer::Pending(_) => unreachable!("memory is never late"),
        }
    }

    /// The store, to be filled.
    pub fn storage(&self) -> &dyn Storage {
        self.handler.tracker().storage()
    }

    /// How often `counter` has counted.
    pub fn count(&self, counter: Counter) -> u64 {
        self.counters.read(counter)
    }

    /// Has a peer send what it announces to the store, from the port it listens on.
    pub fn send(&self, mail: &mut Mail, announce: &Announce) {
        let source = source(announce);
        let id = self.connection_ids.issue(source.ip()).0.get();
        let wants = i32::try_from(announce.want.peers).expect("a few peers");
        let left = u64::from(announce.change != Change::Present { role: Role::Seeder, completed: false });
        let packet = tracker_client::Announce::new(announce.info_hash.0, source.port()).left(left).num_want(wants);
        mail.push(&packet::announce(id, 1, &packet, &[]), source);
    }
}

/// Has a peer ask for a connection id.
pub fn send_connect(mail: &mut Mail, announce: &Announce) {
    mail.push(&packet::connect(1), source(announce));
}

fn source(announce: &Announce) -> SocketAddr {
    (announce.peer.address(), announce.peer.port()).into()
}
