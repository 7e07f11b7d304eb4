//! What the store in memory costs, without any network: one plain table, printed as it is measured.
//!
//! `store [PART…] [OPTION…]` runs the parts that are named, or all of them, for the families that are named, or both: each
//! in a process of its own, so that none inherits another's memory.

mod fill;
mod floor;
mod handler;
mod report;
mod returned;
mod steady;
mod threads;

use std::env;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use chihaya::bittorrent::Family;
use chihaya_benches::arguments::{self, MAX_NUMWANT, whole};
use chihaya_benches::micro::{Crowd, Shape};
use clap::{Parser, ValueEnum};

/// Measure the store in memory without a network: processor time of its calls, and what peers take.
#[derive(Parser)]
#[command(name = "store")]
struct Arguments {
    /// What to measure [default: all]
    #[arg(value_name = "PART")]
    parts: Vec<Part>,
    /// Peers of IPv4 [default: both families, one after the other]
    #[arg(long)]
    ipv4: bool,
    /// Peers of IPv6
    #[arg(long)]
    ipv6: bool,
    /// Peers wanted in each announce, 0 to 200; may be repeated; parts that take one number take the first
    #[arg(
        long = "want",
        value_name = "N",
        default_values = ["50", "30"],
        value_parser = whole(0..=u32::from(MAX_NUMWANT))
    )]
    wants: Vec<u32>,
    /// Seeders among the peers, 0 to 100 per cent
    #[arg(long = "seeders", value_name = "PERCENT", default_value = "50", value_parser = whole(0..=100_u32))]
    seeders_percent: u32,
    /// How often each measurement is made, 1 to 10000 [default: 9; with --brief, 2]
    #[arg(long, value_name = "N", value_parser = whole(1..=10_000_u32))]
    rounds: Option<u32>,
    /// Make every crowd a thousandth of its size: enough to see that everything still runs
    #[arg(long)]
    brief: bool,
}

/// What can be measured alone.
#[derive(Clone, Copy, ValueEnum)]
enum Part {
    /// Requests and connection ids, which need no store
    Parse,
    /// The UDP handler over a store of 2 million peers
    Handler,
    /// Renewals by 2 million peers
    Steady,
    /// Renewals by 10 million peers
    SteadyLarge,
    /// 2 million peers, some of whom come and go
    Churn,
    /// A swarm of a million against ten thousand of a hundred
    Giant,
    /// Two threads against one
    Threads,
    /// A million peers come to one torrent
    FillGiant,
    /// 2 million peers come to a torrent each
    FillSingles,
    /// 2 million peers come to torrents by Zipf's law
    FillZipf,
    /// Memory of 4 million peers by Zipf's law, and after they have expired
    MemoryZipf,
    /// Memory of a million peers in one torrent
    MemoryGiant,
    /// Memory of 2 million peers in a torrent each
    MemorySingles,
    /// Memory of 10 million peers by Zipf's law
    MemoryLarge,
}

impl Part {
    fn measure(self, options: &Options) {
        match self {
            Self::Parse => handler::parse(options),
            Self::Handler => handler::handler(options),
            Self::Steady => steady::medium(options),
            Self::SteadyLarge => steady::large(options),
            Self::Churn => steady::churn(options),
            Self::Giant => steady::giant_against_hundreds(options),
            Self::Threads => threads::two_against_one(options),
            Self::FillGiant => fill::giant(options),
            Self::FillSingles => fill::singles(options),
            Self::FillZipf => fill::zipf(options),
            Self::MemoryZipf => returned::zipf(options),
            Self::MemoryGiant => returned::giant(options),
            Self::MemorySingles => returned::singles(options),
            Self::MemoryLarge => returned::large(options),
        }
    }
}

/// How a part is run.
struct Options {
    family: Family,
    wants: Vec<u32>,
    seeders_percent: u32,
    rounds: u32,
    divisor: u32,
}

impl Options {
    fn crowd(&self) -> Crowd {
        Crowd { family: self.family, want: self.wants[0], seeders_percent: self.seeders_percent }
    }

    fn shape(&self, shape: Shape) -> Shape {
        shape.divided(self.divisor)
    }

    /// How often something is to be done that is done so often at full size.
    fn count(&self, count: u32) -> u32 {
        count / self.divisor
    }
}

fn main() -> ExitCode {
    arguments::run(Arguments::measure)
}

impl Arguments {
    fn measure(self) -> Result<()> {
        let parts = if self.parts.is_empty() { Part::value_variants() } else { &self.parts };
        let families = match (self.ipv4, self.ipv6) {
            (true, false) => &[Family::V4][..],
            (false, true) => &[Family::V6],
            _ => &Family::BOTH,
        };
        if let ([part], [family]) = (parts, families) {
            part.measure(&self.options(*family));
            return Ok(());
        }
        for part in parts {
            for family in families {
                self.measure_apart(*part, *family)?;
            }
        }
        Ok(())
    }

    /// Starts a process for one part and one family.
    fn measure_apart(&self, part: Part, family: Family) -> Result<()> {
        let part = part.to_possible_value().context("every part has a name")?;
        let Options { wants, seeders_percent, rounds, .. } = self.options(family);
        let mut command = Command::new(env::current_exe()?);
        command.args([part.get_name(), if family == Family::V4 { "--ipv4" } else { "--ipv6" }]);
        command.args(wants.iter().map(|want| format!("--want={want}")));
        command.args([format!("--seeders={seeders_percent}"), format!("--rounds={rounds}")]);
        command.args(self.brief.then_some("--brief"));
        let status = command.status()?;
        ensure!(status.success(), "{} ended with {status}", part.get_name());
        Ok(())
    }

    fn options(&self, family: Family) -> Options {
        Options {
            family,
            wants: self.wants.clone(),
            seeders_percent: self.seeders_percent,
            rounds: self.rounds.unwrap_or(if self.brief { 2 } else { 9 }),
            divisor: if self.brief { 1_000 } else { 1 },
        }
    }
}
