//! A tracker whose Redis is killed, stopped and restarted while thousands announce every second.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tracker_client::udp::{Client, Reply, decode, packet};
use tracker_client::{Announce, Event, Family};

use crate::redis::Redis;
use crate::tracker::Tracker;

/// What is done to Redis, and under which load.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Announces a second.
    pub rate: u32,
    /// Peers that announce, over and over.
    pub peers: u32,
    /// How long before anything happens.
    pub warm_up: Duration,
    /// How long Redis is gone, and later how long it hangs.
    pub outage: Duration,
    /// How long after each return.
    pub recovery: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    sent: usize,
    unanswered: usize,
    latencies: Vec<Duration>,
    /// Until what one tracker is told is known to the other again: after the restart, and after the hanging.
    shared_after: [Duration; 2],
    resident_before: u64,
    resident_most: u64,
}

/// How long a tracker waits for Redis.
pub const TIMEOUT: Duration = Duration::from_millis(250);

/// Starts Redis and two trackers, one of which is loaded, and does what is planned.
///
/// # Panics
/// If a program is missing, or the trackers share nothing within a minute.
pub fn run(program: &Path, plan: Plan) -> Report {
    let mut redis = Redis::start();
    let config = format!(
        "[udp]\nlisten = [\"127.0.0.1:0\"]\n[http]\nlisten = []\n[storage]\ndriver = \"redis\"\n\
         [storage.redis]\nurls = [\"{}\"]\ntimeout = \"{}ms\"\n",
        redis.url(),
        TIMEOUT.as_millis()
    );
    let trackers = [(); 2].map(|()| Tracker::start_program(program, &config));
    let address = trackers[0].udp(Family::V4);
    let (stop, shares) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut sharing = Sharing::new(&trackers);
    sharing.wait();
    thread::scope(|scope| {
        let loads: Vec<_> = (0..SOCKETS)
            .map(|number| {
                scope.spawn({
                    let stop = &stop;
                    move || Load::new(address, number, plan).run(stop)
                })
            })
            .collect();
        let watch = scope.spawn(|| watch(trackers[0].pid(), &shares, &stop));
        thread::sleep(plan.warm_up);
        shares.store(true, Ordering::Relaxed);
        redis.kill();
        thread::sleep(plan.outage);
        redis.restart();
        let restarted = sharing.wait();
        thread::sleep(plan.recovery);
        redis.signal(Signal::STOP);
        thread::sleep(plan.outage);
        redis.signal(Signal::CONT);
        let resumed = sharing.wait();
        thread::sleep(plan.recovery);
        stop.store(true, Ordering::Relaxed);
        let mut answers: Vec<Option<Duration>> = Vec::new();
        loads.into_iter().for_each(|load| answers.extend(load.join().expect("a load does not panic")));
        let (resident_before, resident_most) = watch.join().expect("a watch does not panic");
        let mut latencies: Vec<_> = answers.iter().flatten().copied().collect();
        latencies.sort_unstable();
        let (sent, unanswered) = (answers.len(), answers.len() - latencies.len());
        Report { sent, unanswered, latencies, shared_after: [restarted, resumed], resident_before, resident_most }
    })
}

impl Report {
    /// Panics unless what the tracker promises was so.
    ///
    /// # Panics
    /// If more than one of a thousand requests went unanswered, one of a hundred took longer than the time-out and 50 ms, the
    /// trackers did not share within 10 seconds, or memory grew.
    pub fn assert(&self) {
        let told = format!("{self}");
        assert!(self.unanswered * 1_000 <= self.sent, "{told}");
        assert!(self.percentile(0.99) <= TIMEOUT + Duration::from_millis(50), "{told}");
        assert!(self.shared_after.iter().all(|&after| after <= Duration::from_secs(10)), "{told}");
        assert!(self.resident_most <= self.resident_before + self.resident_before / 4 + (8 << 20), "{told}");
    }

    fn percentile(&self, part: f64) -> Duration {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index into what there is")]
        let index = (self.latencies.len().saturating_sub(1) as f64 * part) as usize;
        self.latencies.get(index).copied().unwrap_or(Duration::MAX)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answered = 100.0 * self.latencies.len() as f64 / self.sent.max(1) as f64;
        writeln!(
            f,
            "announces             {} ({} unanswered: {answered:.3} % are answered)",
            self.sent, self.unanswered
        )?;
        let [half, most, nearly_all, all] = [0.5, 0.99, 0.999, 1.0].map(|part| self.percentile(part));
        writeln!(f, "answered within       p50 {half:.1?}, p99 {most:.1?}, p99.9 {nearly_all:.1?}, all {all:.1?}")?;
        let [restarted, resumed] = self.shared_after;
        writeln!(f, "shared again          {restarted:.1?} after the restart, {resumed:.1?} after the hanging")?;
        let [before, most] = [self.resident_before, self.resident_most].map(|bytes| bytes as f64 / f64::from(1 << 20));
        write!(f, "resident memory       {before:.1} MiB before, {most:.1} MiB at most afterwards")
    }
}

/// One socket's announces, spread evenly over time.
struct Load {
    client: Client,
    socket: std::net::UdpSocket,
    connection_id: u64,
    number: u32,
    plan: Plan,
}

impl Load {
    fn new(tracker: SocketAddr, number: u32, plan: Plan) -> Self {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        socket.connect(tracker).expect("the loopback is there");
        let mut client =
            Client::over(socket.try_clone().expect("a socket can be shared"), PATIENCE).expect("it has an address");
        let connection_id = client.connect().expect("the tracker answers");
        socket.set_read_timeout(Some(TICK)).expect("a millisecond is a time");
        Self { client, socket, connection_id, number, plan }
    }

    /// Announces until it is told to stop, and waits for the last answers. Says how long each took, if it came.
    fn run(self, stop: &AtomicBool) -> Vec<Option<Duration>> {
        let (mut sent, mut took) = (Vec::<Instant>::new(), Vec::new());
        let mut buffer = [0; 2_048];
        let began = Instant::now();
        let mut last = None;
        while last.is_none_or(|last: Instant| last.elapsed() < PATIENCE) && (last.is_none() || took.contains(&None)) {
            if last.is_none() {
                let due = began.elapsed().as_secs_f64() * f64::from(self.plan.rate) / f64::from(SOCKETS);
                while (sent.len() as f64) < due {
                    let number = u32::try_from(sent.len()).expect("a run is short");
                    let announce = self.announce(number);
                    sent.push(Instant::now());
                    took.push(None);
                    // A full buffer of our own loses it, which is then unanswered.
                    let _ = self.socket.send(&packet::announce(self.connection_id, number, &announce, &[]));
                }
                last = stop.load(Ordering::Relaxed).then(Instant::now);
            }
            while let Ok(length) = self.socket.recv(&mut buffer) {
                if let Ok(Reply::Announce { transaction, .. }) = decode(&buffer[..length], self.client.family()) {
                    let index = transaction as usize;
                    took[index] = took[index].or(Some(sent[index].elapsed()));
                }
                if (sent.len() as f64)
                    < began.elapsed().as_secs_f64() * f64::from(self.plan.rate) / f64::from(SOCKETS) - 8.0
                {
                    break;
                }
            }
        }
        took
    }

    /// Each peer of this socket in turn, ten in a torrent.
    fn announce(&self, number: u32) -> Announce {
        let peer = (number % (self.plan.peers / SOCKETS)) * SOCKETS + self.number;
        let mut info_hash = [0xcc; 20];
        info_hash[16..].copy_from_slice(&(peer / 10).to_be_bytes());
        let port = 1_024 + u16::try_from(peer % 60_000).expect("below 2^16");
        Announce { num_want: Some(30), ..Announce::new(info_hash, port) }
    }
}

/// Whether what one tracker is told is known to the other.
struct Sharing {
    clients: [Client; 2],
    torrents: u32,
}

impl Sharing {
    fn new(trackers: &[Tracker; 2]) -> Self {
        let client = |tracker: &Tracker| {
            Client::new(IpAddr::V4(Ipv4Addr::LOCALHOST), tracker.udp(Family::V4), PATIENCE).expect("a port is free")
        };
        Self { clients: trackers.each_ref().map(client), torrents: 0 }
    }

    /// Waits until it is. Says for how long.
    fn wait(&mut self) -> Duration {
        let began = Instant::now();
        while !self.try_once() {
            assert!(began.elapsed() < Duration::from_secs(60), "the trackers share nothing");
            thread::sleep(Duration::from_millis(100));
        }
        began.elapsed()
    }

    fn try_once(&mut self) -> bool {
        self.torrents += 1;
        let mut info_hash = [0xdd; 20];
        info_hash[16..].copy_from_slice(&self.torrents.to_be_bytes());
        let announce = |port| Announce { event: Event::Started, ..Announce::new(info_hash, port) };
        let [one, other] = &mut self.clients;
        let told = one.announce(&announce(1)).and_then(|_| other.announce(&announce(2)));
        told.is_ok_and(|told| told.peers.len() == 1)
    }
}

/// Resident memory of a process when it is told to begin, and the most from then on.
fn watch(process: u32, begin: &AtomicBool, stop: &AtomicBool) -> (u64, u64) {
    let (mut before, mut most) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let resident = resident_bytes(process);
        if !begin.load(Ordering::Relaxed) {
            before = resident;
        }
        most = most.max(resident);
        thread::sleep(Duration::from_millis(50));
    }
    (before, most)
}

fn resident_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the tracker runs");
    let fields: HashMap<_, _> = status.lines().filter_map(|line| line.split_once(':')).collect();
    let kibibytes = fields.get("VmRSS").and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.expect("proc(5) promises VmRSS") * 1_024
}

/// Sockets that the load comes from; a kernel spreads them over the workers.
const SOCKETS: u32 = 8;

/// How long an answer may take before it is taken for lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks at the clock.
const TICK: Duration = Duration::from_millis(1);
