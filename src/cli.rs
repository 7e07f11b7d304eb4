//! The command line, and what comes of it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::{env, thread};

use clap::{Parser, Subcommand};

use crate::config::{Config, Problem};
use crate::storage::Drivers;
use crate::{admin, doctor, log, probe, server};

/// A BitTorrent tracker for public, open swarms: UDP and HTTP, IPv4 and IPv6.
///
/// Without a command it serves until it is told to stop.
#[derive(Debug, Parser)]
#[command(name = "chihaya", version, after_help = ENVIRONMENT)]
struct Arguments {
    /// Configuration file; without one the built-in defaults hold
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Check the configuration, and look at this host's limits for it
    #[command(after_help = CHECK_STATUS)]
    Check {
        /// Look at nothing but the configuration
        #[arg(long)]
        configuration_only: bool,
    },
    /// Print the configuration in effect, as a file that loads as the same configuration
    Config,
    /// Ask the tracker that runs what becomes of a torrent's announces, and who is in its swarms
    Explain {
        /// The torrent's info hash: 40 hexadecimal digits
        hash: String,
        /// A client's address, or with its port a peer's: is it served, and is it in the swarm?
        address: Option<String>,
    },
    /// Announce to any tracker, leave again, and print what it says
    Announce(probe::Announce),
    /// Ask any tracker for the counts of torrents
    Scrape(probe::Scrape),
    /// Print where a host's trackers are, by its TXT record (BEP 34)
    Dns(probe::Dns),
}

/// Does what the command line asks for; the data store is one of `drivers`.
///
/// This is all that a `main` does. Whatever keeps the program from its task is told on standard error and gives exit
/// status 2.
pub fn run(drivers: Drivers) -> ExitCode {
    panic::set_hook(Box::new(end));
    match Arguments::parse().run(&drivers) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            // Not `{:#}`: our errors say within their own text what caused them.
            tell(&error.to_string());
            ExitCode::from(FAILURE)
        }
    }
}

impl Arguments {
    /// Returns whether what was asked about is as it should be.
    fn run(&self, drivers: &Drivers) -> anyhow::Result<bool> {
        let out = &mut io::stdout();
        match &self.command {
            None => {
                let config = self.load(drivers)?;
                log::init(&config.log);
                server::serve(&config, drivers)?;
            }
            Some(Command::Check { configuration_only }) => {
                let config = self.load(drivers)?;
                writeln!(out, "configuration is valid")?;
                return Ok(*configuration_only || doctor::print(&doctor::consult(&config), out)?);
            }
            Some(Command::Config) => write!(out, "{}", self.load(drivers)?.to_toml())?,
            Some(Command::Explain { hash, address }) => {
                let admin = self.load(drivers)?.admin;
                write!(out, "{}", admin::explain(&admin, hash, address.as_deref())?)?;
            }
            Some(Command::Announce(announce)) => return Ok(announce.run(out)?),
            Some(Command::Scrape(scrape)) => return Ok(scrape.run(out)?),
            Some(Command::Dns(dns)) => return Ok(dns.run(&self.load(drivers)?.dns_record(), out)?),
        }
        Ok(true)
    }

    fn load(&self, drivers: &Drivers) -> Result<Config, Problem> {
        // Variables of other programs need not be text; a value of ours that is not will be refused for what it says.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let environment = env::vars_os().map(|(name, value)| (text(name), text(value)));
        Config::load(self.config.as_deref(), environment, drivers)
    }
}

/// Tells the operator what went wrong: in the log, if there is one already.
fn tell(message: &str) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{message}");
    } else {
        // Where standard error is closed, nobody is there to be told.
        let _ = writeln!(io::stderr(), "{message}");
    }
}

/// Tells of a panic in one line, and ends the process: a tracker that lost one of its workers would fail some clients
/// for good, and nobody would restart it.
fn end(panic: &PanicHookInfo<'_>) {
    let payload = panic.payload();
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let place = panic.location().map(|location| format!(" at {location}")).unwrap_or_default();
    let thread = thread::current();
    tell(&format!("panic in thread {}{place}: {}", thread.name().unwrap_or("unnamed"), message.replace('\n', " ")));
    process::abort();
}

/// Exit status of a program that could not do its task.
const FAILURE: u8 = 2;

/// Exit status of one that did, and found what it looked at amiss.
const FAILED: u8 = 1;

const ENVIRONMENT: &str = "\
Every key can be overridden by a variable of the environment, for instance:
  CHIHAYA__UDP__LISTEN=127.0.0.1:6969,[::1]:6969
  CHIHAYA__TRACKER__ANNOUNCE_INTERVAL=45m

`chihaya config` prints all keys.";

const CHECK_STATUS: &str = "\
Exit status: 0 if there is nothing to advise, 1 if there is advice, 2 if the configuration is wrong. A note
is no advice: the tracker serves as it is configured to. The tracker starts with advice, too.";

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command as Process;

    use super::*;

    #[test]
    fn the_file_is_named_before_or_after_the_command() {
        for line in [&["chihaya", "--config", "a.toml", "check"], &["chihaya", "check", "--config", "a.toml"]] {
            let arguments = Arguments::try_parse_from(line).unwrap();
            assert_eq!(arguments.config, Some("a.toml".into()));
            assert!(matches!(arguments.command, Some(Command::Check { configuration_only: false })));
        }
        assert!(Arguments::try_parse_from(["chihaya"]).unwrap().command.is_none());
    }

    /// The program under test is this test's own, run once more with a variable that has it panic.
    #[test]
    fn a_panic_in_any_thread_is_one_line_and_the_end() {
        const VARIABLE: &str = "TEST_PANIC_IN_A_THREAD";
        if env::var_os(VARIABLE).is_some() {
            log::init(&log::Log::default());
            panic::set_hook(Box::new(end));
            let _ = thread::Builder::new().name("worker-3".into()).spawn(|| panic!("two\nlines")).unwrap().join();
            return;
        }
        let name = "cli::tests::a_panic_in_any_thread_is_one_line_and_the_end";
        let mut child = Process::new(env::current_exe().unwrap());
        let output = child.args(["--exact", "--nocapture", name]).env(VARIABLE, "1").output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
        assert_eq!(told.lines().count(), 1, "{told}");
        assert!(told.contains(" ERROR panic in thread worker-3 at src/cli.rs:"), "{told}");
        assert!(told.ends_with(": two lines\n"), "{told}");
    }
}
