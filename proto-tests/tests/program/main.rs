//! The program itself, as its operators meet it: arguments, configuration, messages, signals, exit statuses.
//!
//! Some of these tests make network namespaces, which needs root and iproute2: without, they fail, they do not skip.

#![allow(clippy::unwrap_used, reason = "all of it is tests, of which clippy knows the functions marked so alone")]

mod command_line;
mod configuration;
mod fallback;
mod log;
mod panics;
mod start;
mod stop;
mod workers;

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use proto_tests::tracker::Tracker;
use proto_tests::wait_for;
use tempfile::TempDir;
use tracker_client::{http, udp};

/// The tracker itself.
const CHIHAYA: &str = env!("CARGO_BIN_EXE_chihaya-under-test");

/// The tracker with stores that misbehave to choose from.
const WITH_TEST_DRIVERS: &str = env!("CARGO_BIN_EXE_chihaya-with-test-drivers");

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How long a reply may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// Free ports of localhost, UDP and HTTP; a buffer that every kernel grants, so that no warning mixes in.
const ANYWHERE: &str = "\
udp.listen = [\"127.0.0.1:0\"]
udp.receive_buffer = \"64KiB\"
http.listen = [\"127.0.0.1:0\"]
";

/// What came of a run that ended by itself.
#[derive(Debug)]
struct Outcome {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Outcome {
    /// Fails unless the program refused its task with just this on standard error.
    #[track_caller]
    fn assert_refused(&self, told: &str) {
        assert_eq!(self.stderr, told);
        assert_eq!(self.stdout, "");
        assert_eq!(self.status, Some(2));
    }

    /// Fails unless a start ended with one logged line, an error, that says this.
    #[track_caller]
    fn assert_start_refused(&self, told: &str) {
        let (_time, line) = self.stderr.split_once(' ').unwrap_or_default();
        assert_eq!(line, format!("ERROR {told}\n"), "{self:?}");
        assert_eq!(self.stdout, "");
        assert_eq!(self.status, Some(2));
    }
}

/// Runs a command to its end, which must come by itself.
#[track_caller]
fn run(command: &mut Command) -> Outcome {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["stdout", "stderr"].map(|name| directory.path().join(name));
    let [stdout, stderr] = paths.each_ref().map(|path| File::create(path).unwrap());
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
    let mut child = Killed(child);
    let status = wait_for("the program to end", PATIENCE, || child.0.try_wait().unwrap().ok_or("it still runs"));
    let [stdout, stderr] = paths.map(|path| fs::read_to_string(path).unwrap());
    Outcome { status: status.code(), stdout, stderr }
}

/// A child that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It has ended unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory with a `chihaya.toml`, to be named without its path.
struct Files(TempDir);

impl Files {
    fn with(config: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("chihaya.toml"), config).unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the tracker in the directory.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Outcome {
        run(Command::new(CHIHAYA).current_dir(&self.0).args(arguments))
    }

    /// Has the tracker serve by the file, which it must refuse.
    #[track_caller]
    fn serve(&self) -> Outcome {
        self.run(&["--config", "chihaya.toml"])
    }
}

/// The tracker with stores that misbehave, started with one of them.
fn start_with_driver(driver: &str, config: &str) -> Tracker {
    let config = format!("{ANYWHERE}storage.driver = \"{driver}\"\n{config}");
    Tracker::start_program(Path::new(WITH_TEST_DRIVERS), &config)
}

fn udp_client(address: SocketAddr) -> udp::Client {
    let local = if address.is_ipv4() { LOCALHOST } else { std::net::Ipv6Addr::LOCALHOST.into() };
    udp::Client::new(local, address, PATIENCE).unwrap()
}

fn http_client(address: SocketAddr) -> http::Client {
    http::Client::new(LOCALHOST, address, PATIENCE)
}

/// What the lines of a text log say, without their times and levels.
fn messages(log: &str) -> Vec<&str> {
    const LEVELS: [&str; 5] = [" ERROR ", "  WARN ", "  INFO ", " DEBUG ", " TRACE "];
    let message = |line| LEVELS.iter().find_map(|level| Some(str::split_once(line, level)?.1));
    log.lines().map(|line| message(line).unwrap_or(line)).collect()
}
