//! As fast as answers come: a few bursts are always under way, and each answered one makes room for the next.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tracker_client::udp::Envelope;

use super::batch::{BURST, Batch};
use super::{Clients, Request, Script, Tally};

/// What is done about a request that has no reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overdue {
    /// It is sent again, and again: the script is done when everything has been answered.
    SendAgain,
    /// It is lost.
    GiveUp,
}

/// Asks all that `script` has, `window` requests at a time, in bursts of [`BURST`] from one client each.
///
/// # Errors
///
/// If the server refuses a request, is silent for [`PATIENCE`], or has gone.
pub fn run(clients: &mut Clients<'_>, script: &mut impl Script, window: u32, overdue: Overdue) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut batch = Batch::new();
    let lanes = (window / BURST_U32).clamp(1, clients.count());
    let mut lanes: Vec<_> = (0..lanes).map(|number| Lane::new(number, lanes, clients.count())).collect();
    let mut heard = Instant::now();
    let mut turn = |lane: &mut Lane| {
        if lane.waiting == 0 {
            return lane.send(clients, script, &mut batch, &mut tally);
        }
        let now = Instant::now();
        if lane.receive(clients, script, &mut batch, &mut tally)? {
            (heard, lane.deadline) = (now, now + TIMEOUT);
        } else if now >= lane.deadline {
            ensure!(now < heard + PATIENCE, "no reply for {PATIENCE:?} while some are due");
            lane.overdue(overdue, clients, &mut batch, &mut tally)?;
        }
        Ok(true)
    };
    let mut failure = Ok(());
    while failure.is_ok() && !lanes.is_empty() {
        lanes.retain_mut(|lane| {
            turn(lane).unwrap_or_else(|error| {
                failure = Err(error);
                false
            })
        });
    }
    failure.map(|()| tally)
}

/// One burst under way, and the clients that take turns at it.
struct Lane {
    /// The clients are this one and every `step`th after it.
    client: u32,
    first: u32,
    step: u32,
    clients: u32,
    /// The transaction id of the burst's first request; a late reply to an earlier burst has another.
    transaction: u32,
    /// A bit for each request that has no reply yet.
    waiting: u64,
    deadline: Instant,
    requests: Vec<Request>,
    packets: Vec<Vec<u8>>,
}

impl Lane {
    fn new(first: u32, step: u32, clients: u32) -> Self {
        let packets = vec![Vec::new(); BURST];
        let (transaction, deadline) = (first << 24, Instant::now());
        Self { client: first, first, step, clients, transaction, waiting: 0, deadline, requests: Vec::new(), packets }
    }

    /// Sends the next burst. Returns whether there was one: none of the lane's clients may have anything left.
    fn send(
        &mut self,
        clients: &Clients<'_>,
        script: &mut impl Script,
        batch: &mut Batch,
        tally: &mut Tally,
    ) -> Result<bool> {
        let last = self.client;
        self.requests.clear();
        while self.requests.is_empty() {
            self.client = if self.client + self.step < self.clients { self.client + self.step } else { self.first };
            self.requests.extend((0..BURST).map_while(|_| script.next(self.client)));
            if self.requests.is_empty() && self.client == last {
                return Ok(false);
            }
        }
        self.transaction = self.transaction.wrapping_add(BURST_U32);
        for ((transaction, packet), &request) in (self.transaction..).zip(&mut self.packets).zip(&self.requests) {
            clients.write(self.client, request, transaction, packet);
        }
        batch.send(clients.socket(self.client), &self.packets[..self.requests.len()])?;
        self.waiting = u64::MAX >> (BURST - self.requests.len());
        self.deadline = Instant::now() + TIMEOUT;
        tally.sent += self.requests.len() as u64;
        Ok(true)
    }

    /// Takes what replies there are. Returns whether there were any.
    fn receive(
        &mut self,
        clients: &mut Clients<'_>,
        script: &mut impl Script,
        batch: &mut Batch,
        tally: &mut Tally,
    ) -> Result<bool> {
        let count = batch.receive(clients.socket(self.client))?;
        tally.idle_looks += u64::from(count == 0);
        for index in 0..count {
            let payload = batch.payload(index);
            let reply = Envelope::read(payload)?;
            let place = reply.transaction.wrapping_sub(self.transaction);
            // Late, or twice: counted lost or answered already.
            if place >= BURST_U32 || self.waiting & 1 << place == 0 {
                continue;
            }
            self.waiting &= !(1 << place);
            let request = self.requests[place as usize];
            clients.read(self.client, request, &reply)?;
            script.replied(request, &reply)?;
            tally.reply(payload.len(), clients.expected_length(request));
        }
        Ok(count > 0)
    }

    fn overdue(&mut self, overdue: Overdue, clients: &Clients<'_>, batch: &mut Batch, tally: &mut Tally) -> Result<()> {
        match overdue {
            Overdue::GiveUp => self.waiting = 0,
            Overdue::SendAgain => {
                let waiting = (0..self.requests.len()).filter(|place| self.waiting & 1 << place != 0);
                for place in waiting {
                    batch.send(clients.socket(self.client), &self.packets[place..=place])?;
                    tally.resent += 1;
                }
                self.deadline = Instant::now() + TIMEOUT;
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "64")]
const BURST_U32: u32 = BURST as u32;

/// Far longer than any queue that the window can make takes.
const TIMEOUT: Duration = Duration::from_millis(250);

/// A server that is silent for so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);
