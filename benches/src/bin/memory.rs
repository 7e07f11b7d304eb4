//! Resident memory per peer of UDP trackers: what a process grows by while exactly known peers announce themselves.
//!
//! `memory --fill NAME [OPTION VALUE]… --server NAME PORT COMMAND…` measures one server after another. Each peer is
//! sent again until it is acknowledged, then all are counted back by scrapes: a tracker that forgets or refuses some
//! does not get a figure. `--help` tells the options, and the README beside it what comes of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chihaya_benches::arguments::{self, Destinations, whole};
use chihaya_benches::process::resident_bytes;
use chihaya_benches::server::{Server, ServerCommand};
use chihaya_benches::swarms::{Plan, Swarms};
use chihaya_benches::table::{Table, thousands};
use chihaya_benches::udp::{Clients, answers, scripts};
use clap::{Arg, Parser, ValueEnum};

/// Fill UDP trackers (BEP 15) one after another, and tell by how many bytes of resident memory a peer each grows.
#[derive(Parser)]
#[command(name = "memory", override_usage = "memory [OPTIONS] --server NAME PORT COMMAND…", mut_args = of_fill)]
struct Options {
    /// Who is in which torrent, unless --peers or --torrents say otherwise
    #[arg(long, value_name = "NAME", default_value = "zipf")]
    fill: Fill,
    #[command(flatten)]
    plan: Plan,
    /// Ask at ::1 instead of 127.0.0.1, from addresses in 2001:db8::/32, to which there must be a route
    #[arg(long)]
    ipv6: bool,
    /// Then wait, 1 to 86400 seconds, see that no peer is left, and tell which share of the growth was returned
    #[arg(long, value_name = "SECONDS", value_parser = whole(1_u64..=86_400))]
    expire: Option<u64>,
    #[command(flatten)]
    destinations: Destinations,
}

/// The fills whose figures are published.
#[derive(Clone, Copy, ValueEnum)]
enum Fill {
    /// 4000000 peers, zipf:1048576
    Zipf,
    /// 1000000 peers in one torrent, even:1
    Giant,
    /// 2000000 peers, one in each torrent, even:2000000
    Single,
    /// 10000000 peers, zipf:100000000
    Large,
}

impl Fill {
    /// Its name, how peers choose torrents, and how many there are, as the command line has them.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Zipf => ["zipf", "zipf:1048576", "4000000"],
            Self::Giant => ["giant", "even:1", "1000000"],
            Self::Single => ["single", "even:2000000", "2000000"],
            Self::Large => ["large", "zipf:100000000", "10000000"],
        }
    }
}

/// Gives the options of a [`Plan`] their defaults here, which depend on the fill.
fn of_fill(arg: Arg) -> Arg {
    let word = match arg.get_id().as_str() {
        "clients" => return arg.default_value("256"),
        "distribution" => 1,
        "peers" => 2,
        _ => return arg,
    };
    let values = Fill::value_variants().iter().map(|fill| ("fill", fill.words()[0], fill.words()[word]));
    let help = format!("{} [default: the fill's]", arg.get_help().cloned().unwrap_or_default());
    let arg = arg.default_value(Fill::Zipf.words()[word]).default_value_ifs(values);
    arg.hide_default_value(true).help(help)
}

fn main() -> ExitCode {
    arguments::run(measure)
}

fn measure(options: Options) -> Result<()> {
    let swarms = Swarms::new(&options.plan)?;
    let (peers, torrents) = (swarms.peers(), swarms.torrents());
    println!(
        "{} peers in {} torrents ({}), {} % seeders; {} addresses",
        thousands(peers.into()),
        thousands(torrents.into()),
        options.plan.distribution,
        options.plan.seeders * 100.0,
        options.plan.clients,
    );
    options.destinations.write_hashes(&swarms)?;
    let mut table =
        Table::new(["server", "before MiB", "growth MiB", "bytes/peer", "bytes/torrent", "counted back", "returned"]);
    for command in &options.destinations.servers {
        let measured = Measured::of(command, &swarms, &options)?;
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
    if !options.destinations.servers.is_empty() {
        print!("\n{table}");
    }
    Ok(())
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
    fn of(command: &ServerCommand, swarms: &Swarms, options: &Options) -> Result<Self> {
        let address: IpAddr = if options.ipv6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
        let server = Server::start(command, address, None, answers)?;
        server.explain(Self::of_running(&server, swarms, options.expire.map(Duration::from_secs)))
    }

    fn of_running(server: &Server, swarms: &Swarms, expire: Option<Duration>) -> Result<Self> {
        let mut clients = Clients::new(swarms, server, 0)?;
        scripts::connect(&mut clients, WINDOW)?;
        let before = resident(server)?;
        let start = Instant::now();
        let fill = scripts::fill(&mut clients, WINDOW)?;
        let (name, filled, elapsed) = (server.name(), resident(server)?, start.elapsed().as_secs_f64());
        println!("{name}: every peer acknowledged after {elapsed:.1} s, {} requests sent again", fill.resent);
        let (counted, peers) = (scripts::count(&mut clients, WINDOW)?, swarms.peers());
        ensure!(counted == u64::from(peers), "{peers} peers were acknowledged, but {counted} are counted back");
        let mut expired = None;
        if let Some(patience) = expire {
            thread::sleep(patience);
            expired = Some(resident(server)?);
            let left = scripts::count(&mut clients, WINDOW)?;
            ensure!(left == 0, "{left} peers are left after {patience:?}");
        }
        Ok(Self { before, filled, expired })
    }

    fn growth(&self) -> f64 {
        self.filled - self.before
    }

    fn returned(&self) -> Option<f64> {
        self.expired.map(|expired| (self.filled - expired) / self.growth())
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
fn resident(server: &Server) -> Result<f64> {
    Ok(resident_bytes(server.process())? as f64)
}

const WINDOW: u32 = 128;
const MEBIBYTE: f64 = 1_048_576.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fill_is_the_default_of_other_options_wherever_they_stand() {
        for (line, distribution, peers) in [
            ("", "zipf:1048576", 4_000_000),
            ("--fill zipf", "zipf:1048576", 4_000_000),
            ("--fill giant", "even:1", 1_000_000),
            ("--fill single", "even:2000000", 2_000_000),
            ("--fill large", "zipf:100000000", 10_000_000),
            ("--peers 7 --fill large", "zipf:100000000", 7),
            ("--fill large --peers 7", "zipf:100000000", 7),
            ("--torrents even:3 --fill giant", "even:3", 1_000_000),
        ] {
            let words = ["memory", "--write-hashes", "file"].into_iter().chain(line.split_whitespace());
            let plan = Options::try_parse_from(words).unwrap().plan;
            assert_eq!((plan.distribution.to_string().as_str(), plan.peers), (distribution, peers), "{line}");
            assert_eq!(plan.clients, 256);
        }
    }
}
