//! Announces per second and CPU time per announce, beside a bare echo in the same run.
//!
//! `udp_load [--seconds N] [--rounds N] [--torrents N] --server NAME PORT COMMAND…` starts each server pinned to core 0,
//! loads one after the other from core 1, in rounds, and prints a line for each. A server named `echo` gets datagrams of
//! the same size and answers without having handed out an id.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracker_client::Announce;
use tracker_client::udp::{Client, packet};

struct Options {
    seconds: u64,
    rounds: usize,
    torrents: u32,
    servers: Vec<Server>,
}

struct Server {
    name: String,
    port: u16,
    command: Vec<String>,
}

fn main() {
    let options = options();
    pin(std::process::id(), 1);
    let running: Vec<_> = options.servers.iter().map(Running::start).collect();
    let mut load = Load::new(options.torrents);
    for server in &running {
        load.connect(server);
        load.run(server, Duration::from_secs(options.seconds * 2));
    }
    println!("{:<12} {:>12} {:>12} {:>10} {:>10} {:>8}", "server", "requests/s", "CPU µs/req", "user", "system", "lost");
    for _ in 0..options.rounds {
        for server in &running {
            load.connect(server);
            let before = cpu_seconds(server.child.id());
            let report = load.run(server, Duration::from_secs(options.seconds));
            let after = cpu_seconds(server.child.id());
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52 requests")]
            let answered = report.answered as f64;
            let micros = |seconds: f64| seconds * 1e6 / answered;
            let (user, system) = (micros(after.0 - before.0), micros(after.1 - before.1));
            let rate = answered / report.elapsed.as_secs_f64();
            let lost = report.sent - report.answered;
            let name = &server.name;
            println!("{name:<12} {rate:>12.0} {:>12.3} {user:>10.3} {system:>10.3} {lost:>8}", user + system);
        }
    }
}

/// A server's process, ended with this value.
struct Running {
    name: String,
    address: SocketAddr,
    child: Child,
}

impl Running {
    fn start(server: &Server) -> Self {
        let (program, arguments) = server.command.split_first().expect("a command");
        let child = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{program}: {error}"));
        pin(child.id(), 0);
        thread::sleep(Duration::from_millis(500));
        Self { name: server.name.clone(), address: (Ipv4Addr::LOCALHOST, server.port).into(), child }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Clients at many addresses of the loopback network, each with a window of requests under way.
struct Load {
    torrents: u32,
    rng: SmallRng,
    clients: Vec<(UdpSocket, u64)>,
}

struct Report {
    sent: u64,
    answered: u64,
    elapsed: Duration,
}

impl Load {
    fn new(torrents: u32) -> Self {
        Self { torrents, rng: SmallRng::seed_from_u64(1), clients: Vec::new() }
    }

    /// New sockets, each with a connection id; the echo hands out none.
    fn connect(&mut self, server: &Running) {
        self.clients = (1..=CLIENTS)
            .map(|client| {
                let local = IpAddr::from([127, 0, 1, client]);
                let id = if server.name == "echo" {
                    1
                } else {
                    let mut tracker = Client::new(local, server.address, Duration::from_secs(2)).expect("a socket");
                    tracker.connect().expect("a connection id")
                };
                let socket = UdpSocket::bind((local, 0)).expect("a socket");
                socket.connect(server.address).expect("the loopback network");
                socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a time-out");
                (socket, id)
            })
            .collect();
    }

    fn run(&mut self, server: &Running, duration: Duration) -> Report {
        let start = Instant::now();
        let (mut sent, mut answered) = (0, 0);
        let mut buffer = [0; 2048];
        while start.elapsed() < duration {
            for (socket, id) in &self.clients {
                for _ in 0..WINDOW {
                    let announce = announce(&mut self.rng, self.torrents);
                    let request = packet::announce(*id, 1, &announce, &[]);
                    sent += u64::from(socket.send(&request).is_ok());
                }
            }
            for (socket, _) in &self.clients {
                for _ in 0..WINDOW {
                    if socket.recv(&mut buffer).is_err() {
                        break;
                    }
                    answered += 1;
                }
            }
        }
        assert!(answered > 0, "{} answers nothing", server.name);
        Report { sent, answered, elapsed: start.elapsed() }
    }
}

/// A random peer of a random torrent, a tenth of them seeders, asking for 30 peers.
fn announce(rng: &mut SmallRng, torrents: u32) -> Announce {
    let mut info_hash = [0; 20];
    info_hash[..4].copy_from_slice(&rng.random_range(0..torrents).to_be_bytes());
    let port = rng.random_range(1..=PORTS);
    Announce::new(info_hash, port).left(u64::from(rng.random_ratio(9, 10))).num_want(30)
}

/// User and system time a process has used.
fn cpu_seconds(process: u32) -> (f64, f64) {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the server runs");
    let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let seconds = |field: usize| fields[field].parse::<f64>().expect("a number of ticks") / 100.0;
    (seconds(11), seconds(12))
}

fn pin(process: u32, core: u32) {
    let arguments = ["-a", "-p", "-c", &core.to_string(), &process.to_string()].map(str::to_owned);
    let status = Command::new("taskset").args(arguments).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "taskset pins processes to cores");
}

fn options() -> Options {
    let mut options = Options { seconds: 5, rounds: 3, torrents: 100_000, servers: Vec::new() };
    let mut arguments = env::args().skip(1).peekable();
    while let Some(argument) = arguments.next() {
        let mut next = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
        match argument.as_str() {
            "--seconds" => options.seconds = next().parse().expect("a number"),
            "--rounds" => options.rounds = next().parse().expect("a number"),
            "--torrents" => options.torrents = next().parse().expect("a number"),
            "--server" => {
                let (name, port) = (next(), next().parse().expect("a port"));
                let mut command = Vec::new();
                while let Some(word) = arguments.next_if(|word| word != "--server") {
                    command.push(word);
                }
                options.servers.push(Server { name, port, command });
            }
            _ => panic!("no option {argument}"),
        }
    }
    options
}

const CLIENTS: u8 = 16;
const WINDOW: usize = 32;
const PORTS: u16 = 2;
