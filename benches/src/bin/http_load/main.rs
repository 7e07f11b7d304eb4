//! HTTP announces per second of a server's processor time, of any number of servers in the same run.
//!
//! `http_load [OPTION VALUE]… --server NAME PORT COMMAND…` starts each server, fills all with the same peers, and loads
//! one after another, in rounds: over connections that are kept, or, with `--close`, over a new one for each announce.
//! The options and their defaults are in the README beside it.
//!
//! The generator never sleeps while it loads, so that no server pays for waking it.

mod connection;
mod load;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use chihaya_benches::arguments::{Arguments, refuse};
use chihaya_benches::distribution::Distribution;
use chihaya_benches::process::{CpuTime, pin};
use chihaya_benches::server::{Server, ServerCommand, turns};
use chihaya_benches::spread::Spread;
use chihaya_benches::swarms::{Plan, Swarms, ipv4};
use chihaya_benches::table::{Table, thousands};
use tracker_client::Announce;
use tracker_client::http::Client;

use load::{Load, Manner, Tally};

fn main() {
    let options = Options::read();
    let swarms = Swarms::new(&options.plan);
    println!(
        "{} peers in {} torrents ({}), {} asked for, {} % seeders; {} connections, {}",
        thousands(swarms.peers().into()),
        thousands(swarms.torrents().into()),
        options.plan.distribution,
        options.manner.num_want,
        options.plan.seeders * 100.0,
        options.plan.clients,
        if options.manner.close { "each for one announce" } else { "kept" },
    );
    if let Some(path) = &options.write_hashes {
        swarms.write_hashes(path).unwrap_or_else(|error| refuse(&format!("{path}: {error}")));
    }
    if options.pinned {
        pin(GENERATOR_CORE);
    }
    let core = options.pinned.then_some(SERVER_CORE);
    let first = swarms.info_hash(0);
    let start = |command| Server::start(command, LOOPBACK, core, |address| answers(address, first));
    let servers: Vec<_> = options.servers.iter().map(start).collect();
    let mut contenders: Vec<_> = servers.iter().map(|server| Contender::fill(server, &swarms, &options)).collect();
    for round in 0..options.rounds {
        for turn in turns(round, contenders.len()) {
            contenders[turn].load(options.seconds);
        }
    }
    if !contenders.is_empty() {
        print!("\n{}", table(&contenders));
    }
}

/// Whether a server knows a torrent: some listen before they have read their list.
fn answers(tracker: SocketAddr, info_hash: [u8; 20]) -> bool {
    let client = Client::new(ipv4(0), tracker, Duration::from_secs(1));
    let announced = client.header("Connection", "close").announce("/announce", &Announce::new(info_hash, 1));
    announced.is_ok()
}

/// A server with its fill, and what its rounds came to.
struct Contender<'a> {
    server: &'a Server,
    load: Load<'a>,
    rounds: Vec<Round>,
}

struct Round {
    tally: Tally,
    elapsed: Duration,
    cpu: CpuTime,
}

impl<'a> Contender<'a> {
    fn fill(server: &'a Server, swarms: &'a Swarms, options: &Options) -> Self {
        let mut load = Load::new(server.address(), swarms, options.manner);
        load.fill().unwrap_or_else(|failure| panic!("{}: {failure}", server.name()));
        Self { server, load, rounds: Vec::new() }
    }

    fn load(&mut self, seconds: f64) {
        self.load.run(Duration::from_secs_f64(seconds * WARM_UP));
        let before = CpuTime::of(self.server.process());
        let start = Instant::now();
        let tally = self.load.run(Duration::from_secs_f64(seconds));
        let elapsed = start.elapsed();
        let cpu = CpuTime::of(self.server.process()).since(before);
        assert!(tally.replies > 0, "{} answers nothing", self.server.name());
        self.rounds.push(Round { tally, elapsed, cpu });
    }

    fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        self.rounds.iter().map(figure).collect()
    }

    fn sum(&self, count: impl Fn(&Tally) -> u64) -> u64 {
        self.rounds.iter().map(|round| count(&round.tally)).sum()
    }
}

impl Round {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 replies")]
    fn replies(&self) -> f64 {
        self.tally.replies as f64
    }

    fn rate(&self) -> f64 {
        self.replies() / self.elapsed.as_secs_f64()
    }

    /// Replies per second of processor time.
    fn yielded(&self) -> f64 {
        self.replies() / self.cpu.total().as_secs_f64()
    }

    fn microseconds(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.replies()
    }
}

fn table(contenders: &[Contender<'_>]) -> Table {
    let mut table = Table::new([
        "server",
        "requests/s",
        "requests/CPU second: median (min–max)",
        "× first",
        "CPU µs/request",
        "user",
        "system",
        "busy",
        "reply bytes",
        "errors",
    ]);
    for contender in contenders {
        let of_first = |(round, first): (&Round, &Round)| round.yielded() / first.yielded();
        let ratio: Spread = contender.rounds.iter().zip(&contenders[0].rounds).map(of_first).collect();
        let busy = contender.spread(|round| round.cpu.total().as_secs_f64() / round.elapsed.as_secs_f64() * 100.0);
        let replies = contender.sum(|tally| tally.replies).max(1);
        table.row([
            contender.server.name().to_owned(),
            format!("{:.0}", contender.spread(Round::rate).median()),
            contender.spread(Round::yielded).cell(0),
            ratio.cell(2),
            format!("{:.2}", contender.spread(|round| round.microseconds(round.cpu.total())).median()),
            format!("{:.2}", contender.spread(|round| round.microseconds(round.cpu.user)).mean()),
            format!("{:.2}", contender.spread(|round| round.microseconds(round.cpu.system)).mean()),
            format!("{:.0} %", busy.mean()),
            format!("{}", contender.sum(|tally| tally.body_bytes) / replies),
            thousands(contender.sum(|tally| tally.errors)),
        ]);
    }
    table
}

struct Options {
    plan: Plan,
    manner: Manner,
    seconds: f64,
    rounds: usize,
    pinned: bool,
    write_hashes: Option<String>,
    servers: Vec<ServerCommand>,
}

impl Options {
    fn read() -> Self {
        let distribution = Distribution::Even(4_000);
        let mut options = Self {
            plan: Plan { distribution, peers: 200_000, seeders: 0.1, clients: 64, seed: 1 },
            manner: Manner { num_want: 30, close: false },
            seconds: 2.0,
            rounds: 9,
            pinned: true,
            write_hashes: None,
            servers: Vec::new(),
        };
        let mut arguments = Arguments::from_environment();
        while let Some(option) = arguments.option() {
            match option.as_str() {
                "--close" => options.manner.close = true,
                "--torrents" => options.plan.distribution = arguments.value(&option),
                "--peers" => options.plan.peers = arguments.value(&option),
                "--seeders" => options.plan.seeders = arguments.value(&option),
                "--addresses" => options.plan.clients = arguments.value(&option),
                "--seed" => options.plan.seed = arguments.value(&option),
                "--numwant" => options.manner.num_want = arguments.value(&option),
                "--seconds" => options.seconds = arguments.value(&option),
                "--rounds" => options.rounds = arguments.value(&option),
                "--no-pin" => options.pinned = false,
                "--write-hashes" => options.write_hashes = Some(arguments.value(&option)),
                "--server" => options.servers.push(arguments.server()),
                _ => refuse(&format!("no option {option}; see benches/README.md")),
            }
        }
        options.plan.check().unwrap_or_else(|problem| refuse(problem));
        options
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SERVER_CORE: usize = 0;
const GENERATOR_CORE: usize = 1;

/// The share of a round that goes before it, for the server to have its memory at hand again.
const WARM_UP: f64 = 0.1;
