//! Command lines: every program declares its options, and whatever keeps it from its task is one line and status 2.

use std::env;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Arg, Args, Command, Parser};

use crate::server::ServerCommand;
use crate::swarms::Swarms;

/// Reads the command line and does `work` with it: all that a `main` does.
pub fn run<O: Parser>(work: impl FnOnce(O) -> Result<()>) -> ExitCode {
    let words = env::args_os().map(|word| word.to_string_lossy().into_owned());
    let words = join_servers(O::command(), words);
    let failure = match O::try_parse_from(words) {
        Ok(options) => match work(options) {
            Ok(()) => return ExitCode::SUCCESS,
            Err(error) => format!("{error:#}"),
        },
        Err(help) if matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => help.exit(),
        Err(error) => format!("{} (see --help)", one_line(&error)),
    };
    // Where standard error is closed, nobody is there to be told.
    let _ = writeln!(io::stderr(), "{}: {}", O::command().get_name(), failure.replace('\n', " "));
    ExitCode::from(FAILURE)
}

/// Where the swarms of a load go to.
#[derive(Args, Debug)]
pub struct Destinations {
    /// Also write the info hashes to a file, 40 hexadecimal digits a line, for trackers that serve a list alone; without
    /// any --server, that is all there is to do
    #[arg(long, value_name = "FILE")]
    write_hashes: Option<String>,
    /// A tracker to be started by COMMAND, which answers at PORT of the loopback address; may be repeated
    ///
    /// COMMAND goes on to the next option of this program, or to the end. A tracker that wants an option of the same name
    /// is started by `sh -c 'exec …'`.
    #[arg(long = "server", value_name = "NAME PORT COMMAND…", required_unless_present = "write_hashes")]
    pub servers: Vec<ServerCommand>,
}

impl Destinations {
    /// Writes the info hashes to their file, if there is to be one.
    ///
    /// # Errors
    ///
    /// What the system reports of the file, by its name.
    pub fn write_hashes(&self, swarms: &Swarms) -> Result<()> {
        let Some(path) = &self.write_hashes else { return Ok(()) };
        swarms.write_hashes(path).map_err(|error| anyhow::anyhow!("--write-hashes {path}: {error}"))
    }
}

/// How often servers take turns.
#[derive(Args, Clone, Copy, Debug)]
pub struct Turns {
    /// How long each server is loaded in a round, in seconds, 0.1 to 86400
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = decimal(0.1..=86_400.0))]
    pub seconds: f64,
    /// How many rounds there are, 1 to 10000
    #[arg(long, value_name = "N", default_value = "9", value_parser = whole(1_usize..=10_000))]
    pub rounds: usize,
    /// Let servers and generator run on any core; otherwise servers run on core 0, the generator on core 1
    #[arg(long)]
    pub no_pin: bool,
}

/// Gives options other defaults than those they were declared with.
pub fn defaults(values: &[(&'static str, &'static str)]) -> impl FnMut(Arg) -> Arg {
    |arg| match values.iter().find(|(option, _)| arg.get_id() == option) {
        Some((_, value)) => arg.default_value(*value),
        None => arg,
    }
}

/// Reads whole numbers in a range.
pub fn whole<T: Number>(range: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    within("a whole number", range)
}

/// Reads decimal numbers in a range.
pub fn decimal(range: RangeInclusive<f64>) -> impl Fn(&str) -> Result<f64, String> + Clone + Send + Sync {
    within("a number", range)
}

fn within<T: Number>(
    what: &'static str,
    range: RangeInclusive<T>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync {
    move |word| {
        let number = word.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("must be {what} from {} to {}", range.start(), range.end()))
    }
}

/// What a command line may have as a number.
pub trait Number: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static {}

impl<T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static> Number for T {}

/// Reads an address with a port that others can be told.
///
/// # Errors
///
/// What it must be.
pub fn address(word: &str) -> Result<SocketAddr, &'static str> {
    let address = word.parse().ok().filter(|address: &SocketAddr| address.port() > 0);
    address.ok_or("must be an IP address and a port from 1 to 65535, such as 127.0.0.1:7000 or [::1]:7000")
}

/// Makes one value of what follows each `--server`, up to the next option of `command`.
fn join_servers(mut command: Command, words: impl IntoIterator<Item = String>) -> Vec<String> {
    command.build();
    let options: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
    let is_option = |word: &str| {
        word.strip_prefix("--")
            .is_some_and(|word| options.contains(&word.split_once('=').map_or(word, |(name, _)| name)))
    };
    let mut words = words.into_iter().peekable();
    let mut joined = Vec::new();
    while let Some(word) = words.next() {
        let server = word == "--server" && options.contains(&"server");
        joined.push(word);
        if server {
            let rest: Vec<_> = std::iter::from_fn(|| words.next_if(|word| !is_option(word))).collect();
            joined.extend((!rest.is_empty()).then(|| rest.join(ServerCommand::BETWEEN_WORDS)));
        }
    }
    joined
}

/// What is wrong with a command line, without advice that would take further lines.
fn one_line(error: &clap::Error) -> String {
    let told = error.to_string();
    let lines =
        told.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let line = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    line.trim_start_matches("error: ").replace(" tip: ", "; ").replace(ServerCommand::BETWEEN_WORDS, " ")
}

/// Peers that clients may ask for: what the tracker tells at most, unless its configuration says less.
pub const MAX_NUMWANT: u16 = 200;

/// Exit status of a program that could not do its task.
const FAILURE: u8 = 2;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        turns: Turns,
        #[command(flatten)]
        destinations: Destinations,
    }

    fn parse(line: &str) -> Result<Options, clap::Error> {
        let words = std::iter::once("program").chain(line.split_whitespace()).map(str::to_owned);
        Options::try_parse_from(join_servers(Options::command(), words))
    }

    #[test]
    fn a_command_ends_where_the_next_option_begins() {
        let line = "--rounds 5 --server one 7000 a --config b -h --server two 7001 c --no-pin --seconds=2";
        let Options { turns, destinations } = parse(line).unwrap();
        assert_eq!((turns.rounds, turns.seconds, turns.no_pin), (5, 2.0, true));
        let told = |server: &ServerCommand| (server.name.clone(), server.port, server.command.join(" "));
        let servers: Vec<_> = destinations.servers.iter().map(told).collect();
        assert_eq!(servers, [("one".into(), 7000, "a --config b -h".into()), ("two".into(), 7001, "c".into())]);
    }

    #[test]
    fn what_is_wrong_takes_one_line() {
        for (line, told) in [
            ("--server", "a value is required for '--server <NAME PORT COMMAND…>' but none was supplied"),
            (
                "--server one 70000 a b",
                "invalid value 'one 70000 a b' for '--server <NAME PORT COMMAND…>': PORT must be a whole number from 1 to 65535",
            ),
            (
                "--server one 7000 --rounds 1",
                "invalid value 'one 7000' for '--server <NAME PORT COMMAND…>': must be a name, a port and a command",
            ),
            ("--round 1", "unexpected argument '--round' found; a similar argument exists: '--rounds'"),
            ("", "the following required arguments were not provided: --server <NAME PORT COMMAND…>"),
        ] {
            assert_eq!(one_line(&parse(line).unwrap_err()), told);
        }
    }

    #[test]
    fn numbers_are_refused_outside_of_their_range() {
        let (whole, decimal) = (whole(1_u8..=9), decimal(0.0..=1.0));
        assert_eq!((whole("9"), decimal("0.5")), (Ok(9), Ok(0.5)));
        for word in ["0", "10", "300", "-1", "x", "", "1.0"] {
            assert_eq!(whole(word), Err("must be a whole number from 1 to 9".into()), "{word}");
        }
        for word in ["-0.1", "1.1", "NaN", "inf", "x"] {
            assert_eq!(decimal(word), Err("must be a number from 0 to 1".into()), "{word}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        assert_eq!(address("[::1]:7000"), Ok("[::1]:7000".parse().unwrap()));
        assert!(["127.0.0.1", "127.0.0.1:0", "localhost:7000"].iter().all(|word| address(word).is_err()));
    }
}
