//! At a rate of its own, whether answers come or not: what a client waits is counted from when it meant to ask.

use std::time::{Duration, Instant};

use anyhow::Result;
use tracker_client::udp::Envelope;

use super::batch::{BURST, Batch};
use super::{Clients, Request, Script, Tally};

/// Asks what `script` has, evenly at `rate` a second, until it has no more; adds each reply's delay, in nanoseconds,
/// to `delays`.
///
/// A delay begins at the moment the rate demands, so that a stall of the server is in the delays of all that fell
/// into it.
///
/// # Errors
///
/// If the server refuses a request, or has gone.
pub fn run(clients: &mut Clients<'_>, script: &mut impl Script, rate: u32, delays: &mut Vec<u32>) -> Result<Tally> {
    let mut batch = Batch::new();
    let mut pace = Pace::new(rate, clients.count());
    let mut last_reply = Instant::now();
    while pace.open || (pace.answered_less_than_sent() && last_reply.elapsed() < TIMEOUT) {
        pace.send_due(clients, script, &mut batch)?;
        for client in 0..clients.count() {
            if pace.waiting[client as usize] > 0 && pace.receive(client, clients, script, &mut batch, delays)? {
                last_reply = Instant::now();
            }
        }
    }
    Ok(pace.tally)
}

struct Pace {
    start: Instant,
    nanoseconds_apart: f64,
    /// Whether the script may have more.
    open: bool,
    /// Whose turn it is.
    client: u32,
    /// Requests under way, by transaction id modulo their number.
    pending: Vec<Option<Pending>>,
    /// Requests under way, by client.
    waiting: Vec<u32>,
    packets: Vec<Vec<u8>>,
    tally: Tally,
}

#[derive(Clone, Copy)]
struct Pending {
    transaction: u32,
    request: Request,
    due_nanoseconds: f64,
}

impl Pace {
    fn new(rate: u32, clients: u32) -> Self {
        Self {
            start: Instant::now(),
            nanoseconds_apart: 1e9 / f64::from(rate),
            open: true,
            client: 0,
            pending: vec![None; MAX_PENDING],
            waiting: vec![0; clients as usize],
            packets: vec![Vec::new(); BURST],
            tally: Tally::default(),
        }
    }

    fn answered_less_than_sent(&self) -> bool {
        self.tally.answered < self.tally.sent
    }

    #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 nanoseconds")]
    fn now(&self) -> f64 {
        self.start.elapsed().as_nanos() as f64
    }

    /// Sends what is due, a burst at most, from the client whose turn it is.
    fn send_due(&mut self, clients: &Clients<'_>, script: &mut impl Script, batch: &mut Batch) -> Result<()> {
        let now = self.now();
        let mut count = 0;
        while self.open && count < BURST {
            #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 requests")]
            let due_nanoseconds = self.tally.sent as f64 * self.nanoseconds_apart;
            if due_nanoseconds > now {
                break;
            }
            let Some(request) = script.next(self.client) else {
                self.open = false;
                break;
            };
            #[expect(clippy::cast_possible_truncation, reason = "transaction ids go round")]
            let transaction = self.tally.sent as u32;
            clients.write(self.client, request, transaction, &mut self.packets[count]);
            // What stood here is lost: so many have been sent since.
            self.pending[transaction as usize % MAX_PENDING] = Some(Pending { transaction, request, due_nanoseconds });
            self.tally.sent += 1;
            count += 1;
        }
        if count > 0 {
            batch.send(clients.socket(self.client), &self.packets[..count])?;
            self.waiting[self.client as usize] += u32::try_from(count).expect("a burst is small");
            self.client = (self.client + 1) % clients.count();
        }
        Ok(())
    }

    /// Takes what replies there are. Returns whether there were any.
    fn receive(
        &mut self,
        client: u32,
        clients: &mut Clients<'_>,
        script: &mut impl Script,
        batch: &mut Batch,
        delays: &mut Vec<u32>,
    ) -> Result<bool> {
        let count = batch.receive(clients.socket(client))?;
        self.tally.idle_looks += u64::from(count == 0);
        let now = self.now();
        for index in 0..count {
            let payload = batch.payload(index);
            let reply = Envelope::read(payload)?;
            let place = &mut self.pending[reply.transaction as usize % MAX_PENDING];
            let Some(pending) = place.take_if(|pending| pending.transaction == reply.transaction) else { continue };
            self.waiting[client as usize] -= 1;
            clients.read(client, pending.request, &reply)?;
            script.replied(pending.request, &reply)?;
            self.tally.reply(payload.len(), clients.expected_length(pending.request));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates at four seconds")]
            delays.push((now - pending.due_nanoseconds) as u32);
        }
        Ok(count > 0)
    }
}

/// Requests under way at most; a power of two, so that transaction ids may go round.
const MAX_PENDING: usize = 1 << 18;

/// Who has not answered for so long after the last request never will.
const TIMEOUT: Duration = Duration::from_millis(500);
