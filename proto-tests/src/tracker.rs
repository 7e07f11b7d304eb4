//! The tracker under test, as its users run it: a program, a configuration file, a log.

use std::env;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::NamedTempFile;
use tracker_client::Family;

use crate::process::Process;
use crate::wait_for;

/// A running tracker. Dropped, it is killed; dropped by a failing test, it prints its log first.
///
/// Started inside [`Namespace::run`](crate::namespace::Namespace::run), it lives in that namespace.
pub struct Tracker {
    process: Process,
    urls: Vec<String>,
    /// Kept for as long as the tracker may read it again.
    _config: NamedTempFile,
}

impl Tracker {
    /// Starts the tracker built beside the running test, configured by the text of a `chihaya.toml`, and waits until
    /// it is ready. Port 0 is allowed: the addresses are those the tracker logs.
    pub fn start(config: &str) -> Self {
        Self::start_program(&built("chihaya-under-test"), config)
    }

    /// Starts the tracker that also has the drivers of [`late`](crate::late) and [`failing`](crate::failing).
    pub fn start_with_test_drivers(config: &str) -> Self {
        Self::start_program(&built("chihaya-with-test-drivers"), config)
    }

    /// Starts another program in its place, which must take `--config FILE` and log as the tracker does.
    pub fn start_program(program: &Path, config: &str) -> Self {
        Self::start_command(&mut Command::new(program), config)
    }

    /// Starts a program as [`start_program`](Self::start_program) does, with the arguments and variables of a command.
    ///
    /// Operators are served only if the configuration says so: many trackers run at once, and the default is one port.
    pub fn start_command(command: &mut Command, config: &str) -> Self {
        if !config.contains("admin") {
            command.env("CHIHAYA__ADMIN__LISTEN", "");
        }
        let mut file = NamedTempFile::with_suffix(".toml").expect("a temporary file can be made");
        file.write_all(config.as_bytes()).expect("a temporary file can be written");
        let mut process = Process::start(command.arg("--config").arg(file.path()));
        wait_for("the tracker to be ready", START_PATIENCE, || match process.ended() {
            Some(status) => panic!("the tracker ended before it was ready: {status}"),
            None if is_ready(&process.log()) => Ok(()),
            None => Err("its log has no line that ends in `ready`"),
        });
        let urls = announce_urls(&process.log());
        Self { process, urls, _config: file }
    }

    /// The announce URLs it logged, in that order.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// The first UDP announce URL it logged.
    pub fn udp_url(&self) -> &str {
        self.url("udp://")
    }

    /// The first HTTP announce URL it logged.
    pub fn http_url(&self) -> &str {
        self.url("http://")
    }

    /// Where it serves UDP to this family.
    pub fn udp(&self, family: Family) -> SocketAddr {
        self.address("udp://", family)
    }

    /// Where it serves HTTP to this family.
    pub fn http(&self, family: Family) -> SocketAddr {
        self.address("http://", family)
    }

    /// Where it serves operators: the line of its log ends in `(admin.listen)`.
    pub fn admin(&self) -> SocketAddr {
        let log = self.log();
        let line = log.lines().find(|line| line.ends_with(" (admin.listen)"));
        let words = line.into_iter().flat_map(str::split_whitespace);
        let address = words.filter_map(|word| address_of(word.strip_prefix("http://")?)).next();
        address.unwrap_or_else(|| panic!("no address for operators in the log:\n{log}"))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends SIGTERM and waits for the end: a shutdown that takes longer than 5 seconds fails the test.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.terminate(STOP_PATIENCE)
    }

    /// Sends SIGTERM and does not wait.
    pub fn terminate(&mut self) {
        self.process.signal(Signal::TERM);
    }

    /// Sends SIGINT, as Ctrl-C does, and does not wait.
    pub fn interrupt(&mut self) {
        self.process.interrupt();
    }

    /// Waits for the end, no longer than 5 seconds; the log is whole then.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait(STOP_PATIENCE)
    }

    fn url(&self, scheme: &str) -> &str {
        let url = self.urls.iter().find(|url| url.starts_with(scheme));
        url.unwrap_or_else(|| panic!("no {scheme} among the announce URLs {:?}", self.urls))
    }

    fn address(&self, scheme: &str, family: Family) -> SocketAddr {
        let mut addresses = self.urls.iter().filter_map(|url| address_of(url.strip_prefix(scheme)?));
        addresses
            .find(|address| address.is_ipv6() == (family == Family::V6))
            .unwrap_or_else(|| panic!("no {scheme} address of {family:?} among the announce URLs {:?}", self.urls))
    }
}

/// Tests run from `target/PROFILE/deps`; cargo builds the programs of their package first, one directory up.
fn built(program: &str) -> PathBuf {
    let test = env::current_exe().expect("a running program has a path");
    let directory = test.parent().and_then(Path::parent).expect("a test lies two directories deep");
    directory.join(program)
}

fn is_ready(log: &str) -> bool {
    log.lines().any(|line| line.split_whitespace().last() == Some("ready"))
}

/// Each announce URL is the last word of its own line.
fn announce_urls(log: &str) -> Vec<String> {
    let words = log.lines().filter_map(|line| line.split_whitespace().last());
    words.filter(|word| word.starts_with("udp://") || word.starts_with("http://")).map(str::to_owned).collect()
}

/// `HOST:PORT/path` as an address, where the host is one.
fn address_of(location: &str) -> Option<SocketAddr> {
    location.split('/').next()?.parse().ok()
}

/// A start that takes longer is a fault, even on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// A shutdown owes nobody more than its requests in flight.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const LOG: &str = "\
2026-01-01T00:00:00Z  INFO storage: memory
2026-01-01T00:00:00Z  INFO serving udp://127.0.0.1:40001/announce
2026-01-01T00:00:00Z  INFO serving udp://[::1]:40002/announce
2026-01-01T00:00:00Z  INFO serving http://[::1]:40003/announce
2026-01-01T00:00:00Z  INFO ready
";

    /// A program that writes `LOG` after its configuration, and waits to be stopped.
    fn stand_in(directory: &Path) -> PathBuf {
        let program = directory.join("stand-in");
        let script = format!("#!/bin/sh\ncat >&2 \"$2\" - <<END\n{LOG}END\nexec sleep 60\n");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        program
    }

    #[test]
    fn addresses_are_read_from_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let mut tracker = Tracker::start_program(&stand_in(directory.path()), "[udp]\n");
        assert!(tracker.log().starts_with("[udp]\n"));
        assert_eq!(tracker.udp_url(), "udp://127.0.0.1:40001/announce");
        assert_eq!(tracker.udp(Family::V4), "127.0.0.1:40001".parse().unwrap());
        assert_eq!(tracker.udp(Family::V6), "[::1]:40002".parse().unwrap());
        assert_eq!(tracker.http(Family::V6), "[::1]:40003".parse().unwrap());
        assert!(!tracker.stop().success(), "the stand-in dies of the signal");
    }

    #[test]
    #[should_panic(expected = "ended before it was ready")]
    fn a_tracker_that_ends_early_fails_the_test() {
        let _tracker = Tracker::start_program(Path::new("/bin/true"), "");
    }

    #[test]
    #[should_panic(expected = "cannot start")]
    fn a_missing_tracker_fails_the_test() {
        let _tracker = Tracker::start_program(Path::new("/nonexistent/chihaya"), "");
    }
}
