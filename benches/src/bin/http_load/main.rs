//! HTTP announces per second of a server's processor time, of any number of servers in the same run.
//!
//! `http_load [OPTION VALUE]… --server NAME PORT COMMAND…` starts each server, fills all with the same peers, and loads
//! one after another, in rounds: over connections that are kept, or, with `--close`, over a new one for each announce.
//! `--help` tells the options, and the README beside it what comes of them.
//!
//! The generator never sleeps while it loads, so that no server pays for waking it.

mod connection;
mod load;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chihaya_benches::arguments::{self, Destinations, MAX_NUMWANT, Turns, whole};
use chihaya_benches::process::{CpuTime, pin};
use chihaya_benches::server::{Server, turns};
use chihaya_benches::spread::Spread;
use chihaya_benches::swarms::{Plan, Swarms, ipv4};
use chihaya_benches::table::{Table, thousands};
use clap::Parser;
use tracker_client::http::Client;
use tracker_client::{Announce, Failure};

use load::{Load, Manner, Tally};

/// Load HTTP trackers in turn: announces per second of their processor time, from one connection at each address.
#[derive(Parser)]
#[command(name = "http_load", override_usage = "http_load [OPTIONS] --server NAME PORT COMMAND…")]
#[command(mut_args = arguments::defaults(&[
    ("distribution", "even:4000"),
    ("peers", "200000"),
    ("seeders", "0.1"),
    ("seconds", "2"),
]))]
struct Options {
    #[command(flatten)]
    plan: Plan,
    /// Peers asked for in each announce, 0 to 200
    #[arg(long, value_name = "N", default_value = "30", value_parser = whole(0..=MAX_NUMWANT))]
    numwant: u16,
    /// A new connection for each announce; without it, connections are kept
    #[arg(long)]
    close: bool,
    #[command(flatten)]
    turns: Turns,
    #[command(flatten)]
    destinations: Destinations,
}

fn main() -> ExitCode {
    arguments::run(measure)
}

fn measure(options: Options) -> Result<()> {
    let swarms = Swarms::new(&options.plan)?;
    println!(
        "{} peers in {} torrents ({}), {} asked for, {} % seeders; {} connections, {}",
        thousands(swarms.peers().into()),
        thousands(swarms.torrents().into()),
        options.plan.distribution,
        options.numwant,
        options.plan.seeders * 100.0,
        options.plan.clients,
        if options.close { "each for one announce" } else { "kept" },
    );
    options.destinations.write_hashes(&swarms)?;
    let pinned = !options.turns.no_pin;
    if pinned {
        pin(GENERATOR_CORE)?;
    }
    let core = pinned.then_some(SERVER_CORE);
    let first = swarms.info_hash(0);
    let start = |command| Server::start(command, LOOPBACK, core, |address| answers(address, first));
    let servers = options.destinations.servers.iter().map(start).collect::<Result<Vec<_>>>()?;
    let manner = Manner { num_want: options.numwant.into(), close: options.close };
    let fill = |server| Server::explain(server, Contender::fill(server, &swarms, manner));
    let mut contenders = servers.iter().map(fill).collect::<Result<Vec<_>>>()?;
    for round in 0..options.turns.rounds {
        for turn in turns(round, contenders.len()) {
            let contender = &mut contenders[turn];
            contender.server.explain(contender.load(options.turns.seconds))?;
        }
    }
    if !contenders.is_empty() {
        print!("\n{}", table(&contenders));
    }
    Ok(())
}

/// Whether a server knows a torrent: some listen before they have read their list.
fn answers(tracker: SocketAddr, info_hash: [u8; 20]) -> Result<(), Failure> {
    let client = Client::new(ipv4(0), tracker, Duration::from_secs(1));
    client.header("Connection", "close").announce("/announce", &Announce::new(info_hash, 1)).map(drop)
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
    fn fill(server: &'a Server, swarms: &'a Swarms, manner: Manner) -> Result<Self> {
        let mut load = Load::new(server.address(), swarms, manner);
        load.fill()?;
        Ok(Self { server, load, rounds: Vec::new() })
    }

    fn load(&mut self, seconds: f64) -> Result<()> {
        self.load.run(Duration::from_secs_f64(seconds * WARM_UP));
        let before = CpuTime::of(self.server.process())?;
        let start = Instant::now();
        let tally = self.load.run(Duration::from_secs_f64(seconds));
        let elapsed = start.elapsed();
        let cpu = CpuTime::of(self.server.process())?.since(before);
        ensure!(self.server.ended().is_none(), "no server any more");
        ensure!(tally.replies > 0, "no good reply in a round");
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

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SERVER_CORE: usize = 0;
const GENERATOR_CORE: usize = 1;

/// The share of a round that goes before it, for the server to have its memory at hand again.
const WARM_UP: f64 = 0.1;
