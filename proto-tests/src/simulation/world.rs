//! The scheduler: one queue of events, one source of randomness, one clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use chihaya::clock::Now;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep_until};

use super::client::{Client, Millis};
use super::defect::Defect;
use super::habits;
use super::mail::Letter;
use super::plan::{Plan, Store};
use super::remote::Conduct;
use super::service::{Carriage, Service, decode};
use super::truth::Seconds;
use super::{Report, Violation};

/// Everything there is.
pub(super) struct World {
    plan: Plan,
    rng: SmallRng,
    service: Service,
    clients: Vec<Client>,
    workers: Vec<Worker>,
    queue: BinaryHeap<Reverse<(Millis, u64)>>,
    /// What the entries of the queue are, by their number.
    events: Vec<Option<Event>>,
    begun: Instant,
    now: Millis,
    /// By how much the clock has jumped.
    jumped: Seconds,
    /// Since when the remote store has been well.
    well_since: Millis,
    report: Report,
    digest: DefaultHasher,
    told: bool,
}

/// A worker's socket and its clock, which may be a moment behind the others'.
#[derive(Default)]
struct Worker {
    inbox: Vec<Letter>,
    lag: Seconds,
}

enum Event {
    /// A client's timer goes off.
    Timer(usize),
    /// A datagram has come to a worker.
    Arrival(usize, Letter),
    /// A worker looks at its socket.
    Turn(usize),
    /// A datagram has come to a client.
    Reply(usize, Vec<u8>),
    Sweep,
    Rotate,
    /// The clock jumps.
    Jump,
    /// The remote store behaves differently.
    Change,
}

impl World {
    pub(super) fn new(seed: u64, defect: Option<Defect>, told: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let plan = Plan::draw(&mut rng);
        let service = Service::open(&plan, defect, &mut rng);
        let clients = (0..plan.clients).map(|number| client(number, &plan, &mut rng)).collect();
        let worker = |lag| Worker { lag, ..Worker::default() };
        let mut world = Self {
            workers: (0..plan.workers).map(|_| worker(rng.random_range(0..=1))).collect(),
            plan,
            rng,
            service,
            clients,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            begun: Instant::now(),
            now: 0,
            jumped: 0,
            well_since: 0,
            report: Report::default(),
            digest: DefaultHasher::new(),
            told,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for number in 0..self.clients.len() {
            self.set_timer(number);
        }
        self.schedule(SWEEPS_EVERY, Event::Sweep);
        self.schedule(ROTATION, Event::Rotate);
        if self.plan.jumps {
            self.schedule(self.plan.ends / 3, Event::Jump);
        }
        if self.service.remote.is_some() {
            self.schedule(60_000, Event::Change);
        }
        if self.told {
            println!("{:#?}", self.plan);
        }
    }

    /// Runs to the end, or to the first promise that is broken.
    pub(super) async fn run(mut self) -> Result<Report, Violation> {
        let seed_end = self.plan.ends;
        while let Some(&Reverse((at, _))) = self.queue.peek()
            && at <= seed_end
        {
            self.step(at).await.map_err(|problem| Violation { at_milliseconds: self.now, problem })?;
        }
        // What the store still owes.
        while self.service.is_waiting() {
            self.answered().await.map_err(|problem| Violation { at_milliseconds: self.now, problem })?;
        }
        self.report.digest = self.digest.finish();
        Ok(self.report)
    }

    /// The next event, or a late answer that comes before it.
    async fn step(&mut self, at: Millis) -> Result<(), String> {
        // Nothing of the tracker waits for the time to pass where the store is memory alone.
        if self.plan.store != Store::Memory {
            let until = self.begun + Duration::from_millis(at);
            tokio::select! {
                biased;
                Some(carriage) = self.service.late() => {
                    self.now = self.elapsed();
                    return self.finish(carriage);
                }
                () = sleep_until(until) => {}
            }
        }
        self.now = at;
        let Some(Reverse((_, number))) = self.queue.pop() else { return Ok(()) };
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let event = self.events[index].take().expect("an event happens once");
        self.report.events += 1;
        self.happen(event)
    }

    async fn answered(&mut self) -> Result<(), String> {
        let carriage = self.service.late().await.expect("one is waited for");
        self.now = self.elapsed();
        self.finish(carriage)
    }

    fn elapsed(&self) -> Millis {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn happen(&mut self, event: Event) -> Result<(), String> {
        match event {
            Event::Timer(number) => {
                if self.clients[number].due == Some(self.now) {
                    let letter = self.clients[number].wake(self.now, &mut self.rng);
                    self.set_timer(number);
                    letter.into_iter().for_each(|letter| self.post(letter));
                }
            }
            Event::Arrival(worker, letter) => {
                if self.workers[worker].inbox.is_empty() {
                    let busy = self.rng.random_range(0..self.plan.busy);
                    self.schedule(busy, Event::Turn(worker));
                }
                self.workers[worker].inbox.push(letter);
            }
            Event::Turn(worker) => return self.turn(worker),
            Event::Reply(number, bytes) => return self.receive(number, &bytes),
            Event::Sweep => return self.sweep(),
            Event::Rotate => {
                self.service.rotate(&mut self.rng);
                self.schedule(ROTATION, Event::Rotate);
            }
            Event::Jump => self.jump(),
            Event::Change => self.change_conduct(),
        }
        Ok(())
    }

    /// A worker answers what has arrived, a batch of it.
    fn turn(&mut self, number: usize) -> Result<(), String> {
        let moment = self.moment(self.workers[number].lag);
        let inbox = &mut self.workers[number].inbox;
        let rest = inbox.split_off(inbox.len().min(BATCH));
        let letters = std::mem::replace(inbox, rest);
        if !inbox.is_empty() {
            self.schedule(0, Event::Turn(number));
        }
        self.report.datagrams += letters.len() as u64;
        match self.service.answer(number, letters, moment, &mut self.rng)? {
            Some(carriage) => self.finish(carriage),
            None => Ok(()),
        }
    }

    fn finish(&mut self, carriage: Carriage) -> Result<(), String> {
        for (client, bytes) in self.service.finish(carriage, &mut self.rng)? {
            (self.now, client, &bytes).hash(&mut self.digest);
            self.report.replies += 1;
            if !self.is_lost() {
                let delay = self.rng.random_range(1..=self.plan.latency);
                self.schedule(delay, Event::Reply(client, bytes));
            }
        }
        Ok(())
    }

    fn receive(&mut self, number: usize, bytes: &[u8]) -> Result<(), String> {
        let client = &mut self.clients[number];
        let reply = decode(bytes, SocketAddr::new(client.address, 0))?;
        let letter = client.receive(self.now, reply, &mut self.rng);
        self.set_timer(number);
        letter.into_iter().for_each(|letter| self.post(letter));
        Ok(())
    }

    /// Gives a datagram to the network, which may lose it, double it, and let others overtake it.
    fn post(&mut self, letter: Letter) {
        if self.told {
            println!(
                "{:>9} ms  {} {} {:?}",
                self.now, self.clients[letter.client].habits.name, letter.source, letter.ask
            );
        }
        if self.happens(self.plan.forged) {
            let source = self.clients[self.rng.random_range(0..self.clients.len())].address;
            let forged = Letter { forged: true, source: SocketAddr::new(source, 53), ..letter.clone() };
            self.carry(forged);
        }
        if self.happens(self.plan.doubled) {
            self.carry(letter.clone());
        }
        if !self.is_lost() {
            self.carry(letter);
        }
    }

    fn carry(&mut self, letter: Letter) {
        // The kernel chooses a worker's socket by both addresses.
        let worker = usize::from(letter.source.port()) % self.workers.len();
        let delay = self.rng.random_range(1..=self.plan.latency);
        self.schedule(delay, Event::Arrival(worker, letter));
    }

    fn sweep(&mut self) -> Result<(), String> {
        let moment = self.moment(0);
        self.service.sweep(moment, SWEEPS);
        self.schedule(SWEEPS_EVERY, Event::Sweep);
        let torrent = self.rng.random_range(0..self.plan.torrents);
        self.service.inspect(torrent, moment.0)?;
        let well = self.service.remote.as_ref().is_some_and(|remote| remote.conduct() == Conduct::Well);
        if well && self.now > self.well_since + RECOVERY && self.service.is_degraded() {
            return Err(format!("the remote store is not asked {} ms after it is well", self.now - self.well_since));
        }
        Ok(())
    }

    /// Mostly forward, as of a machine that has slept; a little backward, as of a clock that was set.
    fn jump(&mut self) {
        let seconds = match self.rng.random_range(0..4) {
            0 => self.rng.random_range(1..=3_600),
            1 => self.plan.lifetime() + self.rng.random_range(-3..=3),
            2 => self.rng.random_range(1..=10),
            _ => -self.rng.random_range(1..=300),
        };
        self.jumped += seconds;
        if seconds < 0 {
            self.service.set_back(-seconds);
        }
        self.tell(|| format!("the clock jumps {seconds} s"));
        self.schedule(self.plan.ends / 3, Event::Jump);
    }

    fn change_conduct(&mut self) {
        let store = self.plan.store;
        let Some(remote) = &self.service.remote else { return };
        let (conduct, lasts) = if remote.conduct() == Conduct::Well {
            (Conduct::draw(store, &mut self.rng), self.rng.random_range(1_000..300_000))
        } else {
            self.well_since = self.now;
            (Conduct::Well, self.rng.random_range(1_000..900_000))
        };
        remote.behave(conduct);
        self.tell(|| format!("the remote store: {conduct:?}"));
        self.schedule(lasts, Event::Change);
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.told {
            println!("{:>9} ms  {}", self.now, what());
        }
    }

    fn is_lost(&mut self) -> bool {
        self.happens(self.plan.lost)
    }

    fn happens(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.rng.random_range(0..1_000) < thousandths
    }

    /// What a clock says that was read so many seconds ago: the tracker's, and one that does not wrap.
    fn moment(&self, lag: Seconds) -> (Now, Seconds) {
        let passed = Seconds::try_from(self.now / 1_000).unwrap_or(Seconds::MAX);
        let seconds = self.plan.start + self.jumped + passed - lag;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it wraps")]
        (Now(seconds as u32), seconds)
    }

    fn set_timer(&mut self, number: usize) {
        if let Some(due) = self.clients[number].due {
            self.schedule(due.saturating_sub(self.now), Event::Timer(number));
        }
    }

    fn schedule(&mut self, after: Millis, event: Event) {
        self.queue.push(Reverse((self.now + after, self.events.len() as u64)));
        self.events.push(Some(event));
    }
}

/// Some share an address, as behind a router, or a /64, as in one home.
fn client(number: usize, plan: &Plan, rng: &mut SmallRng) -> Client {
    let habits = &habits::ALL[rng.random_range(0..habits::ALL.len())];
    let low = u16::try_from(number / 2).unwrap_or(u16::MAX);
    let address = if habits.ipv6 && rng.random_ratio(1, 3) {
        IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, low, 0, 0, 0, rng.random_range(1..=3)))
    } else {
        let [high, low] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(198, 18, high, low))
    };
    let port = 6_881 + u16::try_from(number % 2).unwrap_or_default();
    // Some come all at once, as when a torrent has just been published.
    let joins = if rng.random_ratio(1, 3) { rng.random_range(0..1_000) } else { rng.random_range(0..plan.ends / 2) };
    let torrent = [rng.random_range(0..plan.torrents); 20];
    Client::new(number, habits, SocketAddr::new(address, port), torrent, joins)
}

/// Datagrams that a worker receives at once at most.
const BATCH: usize = 64;

/// As in `chihaya.toml`.
const ROTATION: Millis = 180_000;

/// Sweeps at a time, which are as many as there are seconds between two of these times.
const SWEEPS: usize = 16;
const SWEEPS_EVERY: Millis = 16_000;

/// The longest until a remote store that is back is asked again, and a time of sweeps.
const RECOVERY: Millis = 12_000 + SWEEPS_EVERY;
