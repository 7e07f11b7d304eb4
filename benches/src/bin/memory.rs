//! Resident memory per peer of UDP trackers: what a process grows by while exactly known peers announce themselves.
//!
//! `memory --fill NAME [OPTION VALUE]… --server NAME PORT COMMAND…` measures one server after another. Each peer is
//! sent again until it is acknowledged, then all are counted back by scrapes: a tracker that forgets or refuses some
//! does not get a figure. The options are in the README beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::{Duration, Instant};

use chihaya_benches::arguments::{Arguments, refuse};
use chihaya_benches::distribution::Distribution;
use chihaya_benches::process::resident_bytes;
use chihaya_benches::server::{Server, ServerCommand};
use chihaya_benches::swarms::{Plan, Swarms};
use chihaya_benches::table::{Table, thousands};
use chihaya_benches::udp::{Clients, answers, scripts};

fn main() {
    let options = Options::read();
    let swarms = Swarms::new(&options.plan);
    let (peers, torrents) = (swarms.peers(), swarms.torrents());
    println!(
        "{} peers in {} torrents ({}), {} % seeders; {} addresses",
        thousands(peers.into()),
        thousands(torrents.into()),
        options.plan.distribution,
        options.plan.seeders * 100.0,
        options.plan.clients,
    );
    if let Some(path) = &options.write_hashes {
        swarms.write_hashes(path).unwrap_or_else(|error| refuse(&format!("{path}: {error}")));
    }
    let mut table =
        Table::new(["server", "before MiB", "growth MiB", "bytes/peer", "bytes/torrent", "counted back", "returned"]);
    for command in &options.servers {
        let measured = Measured::of(command, &swarms, &options);
        let per = |count: u32| format!("{:.1}", measured.growth() / f64::from(count));
        table.row([
            command.name.clone(),
            format!("{:.1}", measured.before / MEBIBYTE),
            format!("{:.1}", measured.growth() / MEBIBYTE),
            per(peers),
            per(torrents),
            thousands(peers.into()),
            measured.returned().map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", share * 100.0)),
        ]);
    }
    if !options.servers.is_empty() {
        print!("\n{table}");
    }
}

/// Resident bytes of one server.
struct Measured {
    /// Once it answers.
    before: f64,
    /// With all peers.
    filled: f64,
    /// With none any more.
    expired: Option<f64>,
}

impl Measured {
    fn of(command: &ServerCommand, swarms: &Swarms, options: &Options) -> Self {
        let server = Server::start(command, options.address, None, answers);
        let mut clients = Clients::new(swarms, server.address(), 0);
        scripts::connect(&mut clients, WINDOW);
        let before = resident(&server);
        let start = Instant::now();
        let fill = scripts::fill(&mut clients, WINDOW);
        let (name, filled, elapsed) = (server.name(), resident(&server), start.elapsed().as_secs_f64());
        println!("{name}: every peer acknowledged after {elapsed:.1} s, {} requests sent again", fill.resent);
        let counted = scripts::count(&mut clients, WINDOW);
        assert_eq!(counted, u64::from(swarms.peers()), "{name}: not all peers that were acknowledged are counted");
        let expired = options.expire.map(|patience| {
            thread::sleep(patience);
            let expired = resident(&server);
            assert_eq!(scripts::count(&mut clients, WINDOW), 0, "{name}: peers left after {patience:?}");
            expired
        });
        Self { before, filled, expired }
    }

    fn growth(&self) -> f64 {
        self.filled - self.before
    }

    fn returned(&self) -> Option<f64> {
        self.expired.map(|expired| (self.filled - expired) / self.growth())
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn resident(server: &Server) -> f64 {
    resident_bytes(server.process()) as f64
}

struct Options {
    plan: Plan,
    address: IpAddr,
    expire: Option<Duration>,
    write_hashes: Option<String>,
    servers: Vec<ServerCommand>,
}

impl Options {
    fn read() -> Self {
        let (distribution, peers) = fill("zipf");
        let mut options = Self {
            plan: Plan { distribution, peers, seeders: 0.5, clients: 256, seed: 1 },
            address: Ipv4Addr::LOCALHOST.into(),
            expire: None,
            write_hashes: None,
            servers: Vec::new(),
        };
        let mut arguments = Arguments::from_environment();
        while let Some(option) = arguments.option() {
            match option.as_str() {
                "--fill" => {
                    let name: String = arguments.value(&option);
                    (options.plan.distribution, options.plan.peers) = fill(&name);
                }
                "--torrents" => options.plan.distribution = arguments.value(&option),
                "--peers" => options.plan.peers = arguments.value(&option),
                "--seeders" => options.plan.seeders = arguments.value(&option),
                "--addresses" => options.plan.clients = arguments.value(&option),
                "--seed" => options.plan.seed = arguments.value(&option),
                "--ipv6" => options.address = Ipv6Addr::LOCALHOST.into(),
                "--expire" => options.expire = Some(Duration::from_secs(arguments.value(&option))),
                "--write-hashes" => options.write_hashes = Some(arguments.value(&option)),
                "--server" => options.servers.push(arguments.server()),
                _ => refuse(&format!("no option {option}; see benches/README.md")),
            }
        }
        options.plan.check().unwrap_or_else(|problem| refuse(problem));
        options
    }
}

/// The fills whose figures are published, by name: how peers choose torrents, and how many there are.
fn fill(name: &str) -> (Distribution, u32) {
    match name {
        "zipf" => (Distribution::Zipf(1 << 20), 4_000_000),
        "giant" => (Distribution::Even(1), 1_000_000),
        "single" => (Distribution::Even(2_000_000), 2_000_000),
        "large" => (Distribution::Zipf(100_000_000), 10_000_000),
        _ => refuse("--fill is zipf, giant, single or large"),
    }
}

const WINDOW: u32 = 128;
const MEBIBYTE: f64 = 1_048_576.0;
