//! Requests per second and processor time per request of UDP trackers, beside each other in one run.
//!
//! `udp_load [OPTION VALUE]… --server NAME PORT COMMAND…` starts each server, fills all with the same peers, and
//! loads one after another, in rounds. `--help` tells the options, and the README beside it what comes of them.

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chihaya_benches::arguments::{self, Destinations, MAX_NUMWANT, Turns, whole};
use chihaya_benches::percentiles::Percentiles;
use chihaya_benches::process::{CpuTime, pin};
use chihaya_benches::server::{Server, turns};
use chihaya_benches::spread::Spread;
use chihaya_benches::swarms::{Plan, Swarms};
use chihaya_benches::table::{Table, thousands};
use chihaya_benches::udp::closed::{self, Overdue};
use chihaya_benches::udp::scripts::{self, Mix, Mixed};
use chihaya_benches::udp::{BURST, Clients, Tally, answers, paced};
use clap::Parser;

/// Load UDP trackers (BEP 15) in turn: requests per second, and processor time per request.
#[derive(Parser)]
#[command(name = "udp_load", override_usage = "udp_load [OPTIONS] --server NAME PORT COMMAND…")]
struct Options {
    #[command(flatten)]
    plan: Plan,
    /// Peers asked for in each announce, 0 to 200
    #[arg(long, value_name = "N", default_value = "30", value_parser = whole(0..=MAX_NUMWANT))]
    numwant: u16,
    /// Percentages of connects, announces, and scrapes of one torrent
    #[arg(long, value_name = "C/A/S", default_value = "50/50/0")]
    mix: Mix,
    #[command(flatten)]
    turns: Turns,
    /// Requests under way, in bursts of 64 from one address each; beyond 200 the queue of a server with the kernel's
    /// default buffer overflows [default: 128; with one address, 64]
    #[arg(long, value_name = "N", value_parser = window)]
    window: Option<u32>,
    /// Load with so many requests a second, 1 to 10000000, whatever is answered, and tell the time to the reply
    #[arg(long, value_name = "N", value_parser = whole(1_u32..=10_000_000))]
    rate: Option<u32>,
    #[command(flatten)]
    destinations: Destinations,
}

impl Options {
    fn window(&self) -> u32 {
        self.window.unwrap_or(BURST_U32 * self.plan.clients.min(2))
    }
}

fn main() -> ExitCode {
    arguments::run(measure)
}

fn measure(options: Options) -> Result<()> {
    let plan = &options.plan;
    let bursts = options.window() / BURST_U32;
    ensure!(
        bursts <= plan.clients,
        "--window {}: {bursts} bursts need as many --addresses at least, not {}",
        options.window(),
        plan.clients
    );
    let swarms = Swarms::new(plan)?;
    println!(
        "{} peers in {} torrents ({}), {} asked for, {} % seeders; {} connects/announces/scrapes; {} addresses",
        thousands(swarms.peers().into()),
        thousands(swarms.torrents().into()),
        plan.distribution,
        options.numwant,
        plan.seeders * 100.0,
        options.mix,
        plan.clients,
    );
    options.destinations.write_hashes(&swarms)?;
    let pinned = !options.turns.no_pin;
    if pinned {
        pin(GENERATOR_CORE)?;
    }
    let core = pinned.then_some(SERVER_CORE);
    let start = |command| Server::start(command, LOOPBACK, core, answers);
    let servers = options.destinations.servers.iter().map(start).collect::<Result<Vec<_>>>()?;
    let fill = |server| Server::explain(server, Contender::fill(server, &swarms, &options));
    let mut contenders = servers.iter().map(fill).collect::<Result<Vec<_>>>()?;
    for round in 0..options.turns.rounds {
        for turn in turns(round, contenders.len()) {
            let contender = &mut contenders[turn];
            contender.server.explain(contender.load(&options, round))?;
        }
    }
    if !contenders.is_empty() {
        print!("\n{}", table(&contenders));
        if options.rate.is_some() {
            print!("\n{}", delays(contenders));
        }
    }
    Ok(())
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
    fn fill(server: &'a Server, swarms: &'a Swarms, options: &Options) -> Result<Self> {
        let mut clients = Clients::new(swarms, server, options.numwant)?;
        let start = Instant::now();
        let filled = scripts::fill(&mut clients, options.window())?;
        let (name, elapsed) = (server.name(), start.elapsed().as_secs_f64());
        println!("{name}: every peer acknowledged after {elapsed:.1} s, {} requests sent again", filled.resent);
        Ok(Self { server, clients, rounds: Vec::new(), delays: Vec::new() })
    }

    fn load(&mut self, options: &Options, round: usize) -> Result<()> {
        scripts::connect(&mut self.clients, options.window())?;
        let before = CpuTime::of(self.server.process())?;
        let start = Instant::now();
        let end = start + Duration::from_secs_f64(options.turns.seconds);
        let mut script =
            Mixed::new(self.clients.swarms(), options.mix, options.plan.seed.wrapping_add(round as u64), end);
        let tally = match options.rate {
            None => closed::run(&mut self.clients, &mut script, options.window(), Overdue::GiveUp),
            Some(rate) => paced::run(&mut self.clients, &mut script, rate, &mut self.delays),
        }?;
        // At a rate, waiting for lost replies comes on top.
        let elapsed = options.rate.map_or_else(|| start.elapsed(), |_| end - start);
        let cpu = CpuTime::of(self.server.process())?.since(before);
        ensure!(tally.answered > 0, "no reply in round {}", round + 1);
        self.rounds.push(Round { tally, elapsed, cpu });
        Ok(())
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

/// Reads a number of requests that are some bursts.
fn window(word: &str) -> Result<u32, String> {
    let requests = whole(BURST_U32..=MAX_WINDOW)(word).ok().filter(|requests| requests.is_multiple_of(BURST_U32));
    requests.ok_or_else(|| format!("must be a multiple of {BURST}, up to {MAX_WINDOW}"))
}

#[expect(clippy::cast_possible_truncation, reason = "64")]
const BURST_U32: u32 = BURST as u32;

/// A burst from each of as many addresses as there can be.
const MAX_WINDOW: u32 = BURST_U32 << 16;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SERVER_CORE: usize = 0;
const GENERATOR_CORE: usize = 1;
