//! Requests per second and processor time per request of UDP trackers, beside each other in one run.
//!
//! `udp_load [OPTION VALUE]… --server NAME PORT COMMAND…` starts each server, fills all with the same peers, and
//! loads one after another, in rounds. The options and their defaults are in the README beside it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use chihaya_benches::arguments::{Arguments, refuse};
use chihaya_benches::distribution::Distribution;
use chihaya_benches::percentiles::Percentiles;
use chihaya_benches::process::{CpuTime, pin};
use chihaya_benches::server::{Server, ServerCommand, turns};
use chihaya_benches::spread::Spread;
use chihaya_benches::swarms::{Plan, Swarms};
use chihaya_benches::table::{Table, thousands};
use chihaya_benches::udp::closed::{self, Overdue};
use chihaya_benches::udp::scripts::{self, Mix, Mixed};
use chihaya_benches::udp::{Clients, Tally, answers, paced};

fn main() {
    let options = Options::read();
    let swarms = Swarms::new(&options.plan);
    println!(
        "{} peers in {} torrents ({}), {} asked for, {} % seeders; {} connects/announces/scrapes; {} addresses",
        thousands(swarms.peers().into()),
        thousands(swarms.torrents().into()),
        options.plan.distribution,
        options.num_want,
        options.plan.seeders * 100.0,
        options.mix,
        options.plan.clients,
    );
    if let Some(path) = &options.write_hashes {
        swarms.write_hashes(path).unwrap_or_else(|error| refuse(&format!("{path}: {error}")));
    }
    if options.pinned {
        pin(GENERATOR_CORE);
    }
    let core = options.pinned.then_some(SERVER_CORE);
    let servers: Vec<_> =
        options.servers.iter().map(|command| Server::start(command, LOOPBACK, core, answers)).collect();
    let mut contenders: Vec<_> = servers.iter().map(|server| Contender::fill(server, &swarms, &options)).collect();
    for round in 0..options.rounds {
        for turn in turns(round, contenders.len()) {
            contenders[turn].load(&options, round);
        }
    }
    if !contenders.is_empty() {
        print!("\n{}", table(&contenders));
        if options.rate.is_some() {
            print!("\n{}", delays(contenders));
        }
    }
}

/// A server with its fill, and what its rounds came to.
struct Contender<'a> {
    server: &'a Server,
    clients: Clients<'a>,
    rounds: Vec<Round>,
    delays: Vec<u32>,
}

struct Round {
    tally: Tally,
    elapsed: Duration,
    cpu: CpuTime,
}

impl<'a> Contender<'a> {
    fn fill(server: &'a Server, swarms: &'a Swarms, options: &Options) -> Self {
        let mut clients = Clients::new(swarms, server.address(), options.num_want);
        let start = Instant::now();
        let filled = scripts::fill(&mut clients, options.window);
        let (name, elapsed) = (server.name(), start.elapsed().as_secs_f64());
        println!("{name}: every peer acknowledged after {elapsed:.1} s, {} requests sent again", filled.resent);
        Self { server, clients, rounds: Vec::new(), delays: Vec::new() }
    }

    fn load(&mut self, options: &Options, round: usize) {
        scripts::connect(&mut self.clients, options.window);
        let before = CpuTime::of(self.server.process());
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(options.seconds);
        let mut script = Mixed::new(self.clients.swarms(), options.mix, options.plan.seed + round as u64, end);
        let tally = match options.rate {
            None => closed::run(&mut self.clients, &mut script, options.window, Overdue::GiveUp),
            Some(rate) => paced::run(&mut self.clients, &mut script, rate, &mut self.delays),
        };
        // At a rate, waiting for lost replies comes on top.
        let elapsed = options.rate.map_or_else(|| start.elapsed(), |_| end - start);
        let cpu = CpuTime::of(self.server.process()).since(before);
        assert!(tally.answered > 0, "{} answers nothing", self.server.name());
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
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 requests")]
    fn answered(&self) -> f64 {
        self.tally.answered as f64
    }

    fn microseconds(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.answered()
    }

    fn rate(&self) -> f64 {
        self.answered() / self.elapsed.as_secs_f64()
    }

    fn cost(&self) -> f64 {
        self.microseconds(self.cpu.total())
    }
}

fn table(contenders: &[Contender<'_>]) -> Table {
    let mut table = Table::new([
        "server",
        "requests/s",
        "CPU µs/request: median (min–max)",
        "mean",
        "user",
        "system",
        "× first",
        "busy",
        "lost",
        "reply bytes",
        "other length",
    ]);
    for contender in contenders {
        let rounds = contender.rounds.iter().zip(&contenders[0].rounds);
        let ratio: Spread = rounds.map(|(round, first)| round.cost() / first.cost()).collect();
        let cost = contender.spread(Round::cost);
        let answered = contender.sum(|tally| tally.answered);
        table.row([
            contender.server.name().to_owned(),
            format!("{:.0}", contender.spread(Round::rate).median()),
            cost.cell(2),
            format!("{:.2}", cost.mean()),
            format!("{:.2}", contender.spread(|round| round.microseconds(round.cpu.user)).mean()),
            format!("{:.2}", contender.spread(|round| round.microseconds(round.cpu.system)).mean()),
            ratio.cell(2),
            format!(
                "{:.0} %",
                contender.spread(|round| round.cpu.total().as_secs_f64() / round.elapsed.as_secs_f64() * 100.0).mean()
            ),
            thousands(contender.sum(Tally::lost)),
            format!("{}", contender.sum(|tally| tally.reply_bytes) / answered),
            thousands(contender.sum(|tally| tally.other_length)),
        ]);
    }
    table
}

fn delays(contenders: Vec<Contender<'_>>) -> Table {
    let mut table = Table::new(["microseconds to the reply", "p50", "p90", "p99", "p99.9", "max"]);
    for contender in contenders {
        let percentiles = Percentiles::new(contender.delays);
        let cell = |per_mille| format!("{:.0}", percentiles.per_mille(per_mille).as_secs_f64() * 1e6);
        let name = contender.server.name().to_owned();
        table.row([name, cell(500), cell(900), cell(990), cell(999), cell(1_000)]);
    }
    table
}

struct Options {
    plan: Plan,
    num_want: u16,
    mix: Mix,
    seconds: f64,
    rounds: usize,
    window: u32,
    rate: Option<u32>,
    pinned: bool,
    write_hashes: Option<String>,
    servers: Vec<ServerCommand>,
}

impl Options {
    fn read() -> Self {
        let distribution = Distribution::Zipf(2_150_000);
        let mut options = Self {
            plan: Plan { distribution, peers: 2_000_000, seeders: 0.5, clients: 64, seed: 1 },
            num_want: 30,
            mix: "50/50/0".parse().expect("a mix"),
            seconds: 3.0,
            rounds: 9,
            window: 128,
            rate: None,
            pinned: true,
            write_hashes: None,
            servers: Vec::new(),
        };
        let mut arguments = Arguments::from_environment();
        while let Some(option) = arguments.option() {
            match option.as_str() {
                "--torrents" => options.plan.distribution = arguments.value(&option),
                "--peers" => options.plan.peers = arguments.value(&option),
                "--seeders" => options.plan.seeders = arguments.value(&option),
                "--addresses" => options.plan.clients = arguments.value(&option),
                "--seed" => options.plan.seed = arguments.value(&option),
                "--numwant" => options.num_want = arguments.value(&option),
                "--mix" => options.mix = arguments.value(&option),
                "--seconds" => options.seconds = arguments.value(&option),
                "--rounds" => options.rounds = arguments.value(&option),
                "--window" => options.window = arguments.value(&option),
                "--rate" => options.rate = Some(arguments.value(&option)),
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
