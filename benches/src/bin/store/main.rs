//! What the store in memory costs, without any network: one plain table, printed as it is measured.
//!
//! `store [PART…] [--ipv4] [--ipv6] [--want N] [--seeders PERCENT] [--rounds N] [--brief]` runs the parts that are named, or
//! all of them, for the families that are named, or both: each in a process of its own, so that none inherits another's
//! memory. `--brief` makes every crowd a thousandth of its size: enough to see that everything still runs.

mod fill;
mod handler;
mod report;
mod returned;
mod steady;
mod threads;

use std::env;
use std::process::Command;

use chihaya::bittorrent::Family;
use chihaya_benches::micro::{Crowd, Shape};

/// What measures one thing and prints it.
type Part = fn(&Options);

/// What can be run alone, by name.
const PARTS: &[(&str, Part)] = &[
    ("parse", handler::parse),
    ("handler", handler::handler),
    ("steady", steady::medium),
    ("steady-large", steady::large),
    ("churn", steady::churn),
    ("giant", steady::giant_against_hundreds),
    ("threads", threads::two_against_one),
    ("fill-giant", fill::giant),
    ("fill-singles", fill::singles),
    ("fill-zipf", fill::zipf),
    ("memory-zipf", returned::zipf),
    ("memory-giant", returned::giant),
    ("memory-singles", returned::singles),
    ("memory-large", returned::large),
];

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

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (names, families, mut options) = read(&arguments);
    if let ([name], [family]) = (names.as_slice(), families.as_slice()) {
        options.family = *family;
        let (_, part) = PARTS.iter().find(|(known, _)| known == name).unwrap_or_else(|| {
            let known: Vec<_> = PARTS.iter().map(|(name, _)| *name).collect();
            panic!("no part {name}; there are {}", known.join(", "))
        });
        return part(&options);
    }
    let names = if names.is_empty() { PARTS.iter().map(|(name, _)| (*name).to_owned()).collect() } else { names };
    let families = if families.is_empty() { Family::BOTH.to_vec() } else { families };
    let is_other = |argument: &&String| argument.starts_with("--") && !argument.starts_with("--ipv");
    let other: Vec<_> = arguments.iter().skip_while(|argument| !is_other(argument)).collect();
    for name in &names {
        for family in &families {
            let family = if *family == Family::V4 { "--ipv4" } else { "--ipv6" };
            let program = env::current_exe().expect("this program");
            let status = Command::new(program).args([name, family]).args(&other).status();
            assert!(status.is_ok_and(|status| status.success()), "{name} ran");
        }
    }
}

/// The parts and the families that are named, which stand before the other options, and those.
fn read(arguments: &[String]) -> (Vec<String>, Vec<Family>, Options) {
    let mut options = Options { family: Family::V4, wants: Vec::new(), seeders_percent: 50, rounds: 9, divisor: 1 };
    let (mut names, mut families) = (Vec::new(), Vec::new());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            value.parse().unwrap_or_else(|_| panic!("{argument} takes a number"))
        };
        match argument.as_str() {
            "--ipv4" => families.push(Family::V4),
            "--ipv6" => families.push(Family::V6),
            "--want" => options.wants.push(number()),
            "--seeders" => options.seeders_percent = number(),
            "--rounds" => options.rounds = number(),
            "--brief" => (options.divisor, options.rounds) = (1_000, 2),
            name if !name.starts_with("--") => names.push(name.to_owned()),
            _ => panic!("no option {argument}"),
        }
    }
    if options.wants.is_empty() {
        options.wants = vec![50, 30];
    }
    (names, families, options)
}
