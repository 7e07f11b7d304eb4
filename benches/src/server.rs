//! Servers under measurement.

use std::net::{IpAddr, SocketAddr};
use std::panic;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::process::on_core;

/// A server as the command line names it.
#[derive(Clone, Debug)]
pub struct ServerCommand {
    /// What the table calls it.
    pub name: String,
    /// Where it answers.
    pub port: u16,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// A server's process, ended with this value.
pub struct Server {
    name: String,
    address: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts a server that listens at `address`, on one core alone if one is given, and waits until `answers` says
    /// yes.
    ///
    /// # Panics
    ///
    /// If another one answers there already, or this one cannot be started, ends at once, or does not answer within
    /// [`PATIENCE`]: nothing can be measured.
    pub fn start(
        command: &ServerCommand,
        address: IpAddr,
        core: Option<usize>,
        mut answers: impl FnMut(SocketAddr) -> bool,
    ) -> Self {
        let address = SocketAddr::new(address, command.port);
        assert!(!answers(address), "somebody else answers at {address}, where {} should", command.name);
        END_WITH_PANIC.call_once(end_servers_when_a_panic_aborts);
        let (program, arguments) = command.command.split_first().expect("a command has a first word");
        let mut start = Command::new(program);
        start.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = on_core(core, || start.spawn()).unwrap_or_else(|error| panic!("cannot start {program}: {error}"));
        let mut server = Self { name: command.name.clone(), address, child };
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).push(server.process());
        let deadline = Instant::now() + PATIENCE;
        while !answers(address) {
            if let Some(status) = server.child.try_wait().expect("our own child can be waited for") {
                panic!("{} ended with {status}; try: {}", command.name, command.command.join(" "));
            }
            assert!(Instant::now() < deadline, "{} does not answer at {address}", command.name);
            thread::sleep(PAUSE);
        }
        server
    }

    /// What the table calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|&process| process != self.process());
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Release builds abort on panic, which drops nothing: servers would stay, and spoil the next run.
fn end_servers_when_a_panic_aborts() {
    if cfg!(panic = "abort") {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |message| {
            report(message);
            for &process in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                let process = Pid::from_raw(process.try_into().expect("the kernel's ids are positive"));
                // Already gone is as good.
                let _ = kill(process, Signal::SIGKILL);
            }
        }));
    }
}

/// Processes of all servers there are; none has been waited for, so that no id is another's.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

static END_WITH_PANIC: Once = Once::new();

/// The order of servers in a round. Each round begins with another one, so that none is always first.
pub fn turns(round: usize, servers: usize) -> impl Iterator<Item = usize> {
    (0..servers).map(move |turn| (round + turn) % servers)
}

/// Reading a list of millions of torrents takes some trackers a while.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_its_turn_in_every_round() {
        assert_eq!(turns(0, 3).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(turns(4, 3).collect::<Vec<_>>(), [1, 2, 0]);
    }

    #[test]
    #[should_panic(expected = "gone ended with")]
    fn a_server_that_ends_is_not_waited_for() {
        let command = ServerCommand { name: "gone".into(), port: 1, command: vec!["true".into()] };
        Server::start(&command, IpAddr::from([127, 0, 0, 1]), None, |_| false);
    }
}
