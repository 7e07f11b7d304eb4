//! One worker's loop over one socket: a batch in, one storage call, a batch out.

use std::io;
use std::time::Duration;

use rand::rngs::SmallRng;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time::{self, Instant};

use super::{Handler, Round};
use crate::bittorrent::Family;
use crate::clock::Clock;
use crate::counters::{Action, Counter, Dropped, Outcome, Transport::Udp};
use crate::storage::{Answer, Batch};
use crate::sys::Messages;

/// Serves one socket.
pub struct Worker {
    socket: UdpSocket,
    /// Of its address.
    family: Family,
    handler: Handler,
    clock: Clock,
    rng: SmallRng,
    /// Batches nothing is done with at the moment.
    spare: Vec<Carriage>,
    /// Batches the store will answer later, and then how long it has taken.
    pending: JoinSet<(Carriage, Duration)>,
    /// So many batches until one is timed.
    untimed: usize,
    /// It has taken too long for others to wait for their turn.
    slow: bool,
    /// Refusals of earlier replies that were received one after another, and nothing else.
    refusals: usize,
}

/// A batch's datagrams, and their requests' way through the store.
struct Carriage {
    messages: Messages,
    round: Round,
    /// When it was received, if it is to be timed.
    received: Option<Instant>,
    /// How long the store took, if that has been timed.
    stored: Option<Duration>,
}

impl Worker {
    /// A worker on a socket of its own.
    pub fn new(socket: UdpSocket, handler: Handler, clock: Clock, rng: SmallRng) -> Self {
        let family = socket.local_addr().map_or(Family::V4, |address| Family::of(address.ip()));
        let (spare, pending) = (Vec::new(), JoinSet::new());
        Self { socket, family, handler, clock, rng, spare, pending, untimed: 0, slow: false, refusals: 0 }
    }

    /// Serves until `shutdown` turns true, then sends what the store still owes.
    pub async fn serve(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut taken = 0;
        loop {
            tokio::select! {
                biased;
                _ = shutdown.wait_for(|&stop| stop) => break,
                Some(answered) = self.pending.join_next() => {
                    let (carriage, taken) = answered.expect("a store's answer is not cancelled");
                    self.slow = taken > PATIENCE;
                    self.send(carriage);
                    continue;
                }
                () = async { time::sleep(PATIENCE).await }, if self.waits() => {
                    self.slow = true;
                    continue;
                }
                // While every carriage is under way, the kernel keeps what arrives. So batches grow as the store gets busy.
                ready = self.socket.readable(), if !self.waits() => {
                    ready.expect("the runtime outlives its workers");
                }
            }
            taken = match self.take_batch().await {
                0 => 0,
                count => taken + count,
            };
            if taken >= DATAGRAMS_PER_TURN {
                taken = 0;
                task::yield_now().await;
            }
        }
        while let Some(answered) = self.pending.join_next().await {
            self.send(answered.expect("a store's answer is not cancelled").0);
        }
    }

    /// Whether the next batch must wait until the store has answered another.
    fn waits(&self) -> bool {
        self.pending.len() >= MAX_PENDING && !(self.slow && self.handler.tracker().storage().stand_in().is_some())
    }

    /// Receives a batch and answers it, or leaves it with the store. Returns its datagrams; 0 once no more are there.
    async fn take_batch(&mut self) -> usize {
        let mut carriage = self.spare.pop().unwrap_or_else(Carriage::new);
        let socket = SockRef::from(&self.socket);
        match self.socket.try_io(Interest::READABLE, || carriage.messages.receive(&socket)) {
            Ok(count) => {
                self.refusals = 0;
                self.answer(carriage);
                count
            }
            Err(error) => {
                self.spare.push(carriage);
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.handler.counters().count(Counter::ReceiveFailures);
                    let refused = error.kind() == io::ErrorKind::ConnectionRefused;
                    self.refusals = if refused { self.refusals + 1 } else { BATCH };
                    if self.refusals >= BATCH {
                        // Short of memory, most likely, or of sense: to ask again at once would only spin.
                        self.refusals = 0;
                        time::sleep(RECEIVE_PAUSE).await;
                    }
                }
                0
            }
        }
    }

    fn answer(&mut self, mut carriage: Carriage) {
        carriage.received = self.is_timed().then(Instant::now);
        self.handler.read(&mut carriage.messages, &mut carriage.round, &mut self.rng);
        if carriage.round.batch.entries.is_empty() {
            return self.send(carriage);
        }
        let batch = std::mem::take(&mut carriage.round.batch);
        let asked = carriage.received.map(|_| Instant::now());
        match self.apply(batch) {
            Answer::Ready(batch) => {
                carriage.stored = asked.map(|asked| asked.elapsed());
                carriage.round.batch = batch;
                self.send(carriage);
            }
            Answer::Pending(answer) => {
                let asked = Instant::now();
                self.pending.spawn(async move {
                    carriage.round.batch = answer.await;
                    let taken = asked.elapsed();
                    carriage.stored = Some(taken);
                    (carriage, taken)
                });
            }
        }
    }

    /// Has the store answer, or who stands in for it once too much is under way.
    fn apply(&self, batch: Batch) -> Answer {
        let (tracker, now) = (self.handler.tracker(), self.clock.now());
        if self.pending.len() >= MAX_PENDING
            && let Some(stand_in) = tracker.storage().stand_in()
        {
            return Answer::Ready(stand_in.answer(now, batch));
        }
        tracker.apply(now, batch)
    }

    fn send(&mut self, mut carriage: Carriage) {
        let stored = self.handler.write(&mut carriage.messages, &carriage.round, &mut self.rng);
        let sent = carriage.messages.send(&SockRef::from(&self.socket));
        let counters = self.handler.counters();
        counters.add(Counter::Dropped(Dropped::Send), sent.failed as u64);
        counters.add(Counter::Sent(Udp, self.family), sent.bytes as u64);
        self.time(&mut carriage, stored);
        self.spare.push(carriage);
    }

    /// Whether the next batch is one of those whose time is taken: reading clocks costs more than counting.
    fn is_timed(&mut self) -> bool {
        let timed = self.untimed == 0;
        self.untimed = if timed { BATCHES_PER_TIMING - 1 } else { self.untimed - 1 };
        timed
    }

    /// Counts how long it took, where that is known. Each request has waited for all of its batch.
    fn time(&self, carriage: &mut Carriage, stored: Outcome) {
        let durations = &self.handler.counters().durations;
        if let Some(taken) = carriage.stored.take() {
            durations.storage(stored).observe(taken, 1);
        }
        if let Some(taken) = carriage.received.take().map(|received| received.elapsed()) {
            for action in [Action::Connect, Action::Announce, Action::Scrape] {
                durations.requests(Udp, action).observe(taken, carriage.round.requests(action));
            }
        }
    }
}

impl Carriage {
    fn new() -> Self {
        Self { messages: Messages::new(BATCH), round: Round::default(), received: None, stored: None }
    }
}

/// Datagrams per system call: beyond this the calls' own cost no longer shows.
const BATCH: usize = 64;

/// Datagrams in a row after which the other tasks of the worker, HTTP among them, get their turn: some milliseconds'
/// worth, in batches however small.
const DATAGRAMS_PER_TURN: usize = 8 * BATCH;

/// Of so many batches one is timed.
const BATCHES_PER_TIMING: usize = 64;

/// Batches that may wait for the store at once; each holds some 150 KiB.
const MAX_PENDING: usize = 16;

/// How long datagrams may wait for their turn while all of those are with a store that has a stand-in.
const PATIENCE: Duration = Duration::from_millis(20);

const RECEIVE_PAUSE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests;
